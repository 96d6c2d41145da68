"""Reads and checks the parameters of a model's config.pbtxt."""

from collections.abc import Mapping
from pathlib import PurePath
from typing import TypeAlias

from edge_router.contract import (
    LENGTH_BUCKETS_PARAMETER,
    NETWORK_FILE,
    NETWORK_PARAMETER,
    PROVIDERS_PARAMETER,
    TENSORRT_CACHE_PARAMETER,
    THREADS_PARAMETER,
)
from edge_router.engines.settings import CPU, EngineSettings
from edge_router.errors import RepositoryError

Parameters: TypeAlias = Mapping[str, str]


def count(model: str, parameters: Parameters, key: str, *, default: int, least: int) -> int:
    """The parameter as a number. Raises RepositoryError when it is not a whole number of at least `least`."""
    value = parameters.get(key, str(default))
    if not value.isdecimal() or int(value) < least:
        raise RepositoryError(f"{model}: parameter {key} is {value!r}; set a whole number of at least {least}")
    return int(value)


def length_buckets(model: str, parameters: Parameters) -> list[int]:
    """The lengths in tokens that rows are padded to, ascending; an empty list = rows are not padded.

    Raises RepositoryError when they are not whole numbers in ascending order.
    """
    value = parameters.get(LENGTH_BUCKETS_PARAMETER, "")
    parts = value.replace(" ", "").split(",") if value else []
    buckets = [int(part) for part in parts if part.isdecimal()]
    if len(buckets) < len(parts) or buckets != sorted({0, *buckets})[1:]:
        raise RepositoryError(
            f"{model}: parameter {LENGTH_BUCKETS_PARAMETER} is {value!r}; set ascending lengths in tokens: 16,32,64"
        )
    return buckets


def engine_settings(model: str, parameters: Parameters) -> EngineSettings:
    """The engine's settings from the parameters NETWORK, THREADS, PROVIDERS (comma separated, first choice first) and
    TENSORRT_CACHE. Raises RepositoryError."""
    network = parameters.get(NETWORK_PARAMETER, NETWORK_FILE)
    if PurePath(network).name != network:
        raise RepositoryError(
            f"{model}: parameter {NETWORK_PARAMETER} is {network!r}; set the name of a file in the version folder"
        )
    return EngineSettings(
        network=network,
        threads=count(model, parameters, THREADS_PARAMETER, default=0, least=0),
        providers=_providers(parameters),
        tensorrt_cache=parameters.get(TENSORRT_CACHE_PARAMETER, ""),
    )


def refuse_idle_gpu(model: str, parameters: Parameters, *, on_gpu: bool) -> None:
    """Raises RepositoryError when the model's instances are on a GPU and its network runs on the CPU."""
    if on_gpu and _providers(parameters)[0] == CPU:
        raise RepositoryError(
            f"{model}: instance_group says KIND_GPU, but {PROVIDERS_PARAMETER} is {CPU}; "
            f"set KIND_CPU, or set {PROVIDERS_PARAMETER} to the GPU's execution provider"
        )


def _providers(parameters: Parameters) -> list[str]:
    return parameters.get(PROVIDERS_PARAMETER, CPU).replace(" ", "").split(",")
