"""A model's parameters: text in its config.pbtxt, read here into what a stage needs."""

from collections.abc import Mapping
from typing import TypeAlias

from edge_router.contract import PROVIDERS_PARAMETER, THREADS_PARAMETER
from edge_router.errors import RepositoryError

Parameters: TypeAlias = Mapping[str, str]


def count(model: str, parameters: Parameters, key: str, *, default: int, least: int) -> int:
    """Raises RepositoryError when the parameter is not a whole number of at least `least`."""
    value = parameters.get(key, str(default))
    if not value.isdecimal() or int(value) < least:
        raise RepositoryError(f"{model}: parameter {key} is {value!r}; set a whole number of at least {least}")
    return int(value)


def threads(model: str, parameters: Parameters) -> int:
    """Of one run of a network; 0 = one for each core."""
    return count(model, parameters, THREADS_PARAMETER, default=0, least=0)


def providers(parameters: Parameters) -> list[str]:
    """ONNX Runtime's execution providers, first choice first."""
    return parameters.get(PROVIDERS_PARAMETER, "CPUExecutionProvider").replace(" ", "").split(",")
