"""What happens to a prompt: tokenize, classify, decide.

A stage takes whole batches of requests and answers each one in its place: outputs, or the error of that request alone.
It knows neither Triton nor HTTP, so every server runs the very same code. What differs between networks is data in the
version folder; what differs between devices is a parameter in the model's config.pbtxt.
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Protocol, TypeAlias

from edge_router.contract import STAGE_PARAMETER
from edge_router.errors import RepositoryError, RequestError
from edge_router.stages.classify import Classify
from edge_router.stages.decide import Decide
from edge_router.stages.graph import Graph
from edge_router.stages.parameters import Parameters, refuse_idle_gpu
from edge_router.stages.tokenize import Tokenize
from edge_router.tensors import Tensors

__all__ = ["STAGES", "Answer", "Graph", "Parameters", "Stage", "load", "refuse_idle_gpu"]

Answer: TypeAlias = Tensors | RequestError


class Stage(Protocol):
    """One step from prompt to decision."""

    def run(self, requests: Sequence[Tensors]) -> list[Answer]:
        """One answer a request, in the order of the requests; rows of a request keep their order too."""
        ...


STAGES: Mapping[str, Callable[[Path, Parameters], Stage]] = {
    "tokenize": Tokenize.load,
    "classify": Classify.load,
    "decide": Decide.load,
}


def load(version_folder: Path, parameters: Parameters) -> Stage:
    """The stage that a model's parameters name, with the data of `version_folder`.

    Raises RepositoryError when the name is unknown or the folder's data is missing or wrong.
    """
    name = parameters.get(STAGE_PARAMETER, "")
    if name not in STAGES:
        raise RepositoryError(
            f"{version_folder.parent.name}: parameter {STAGE_PARAMETER} is {name!r}; "
            f"set it to one of {', '.join(STAGES)}"
        )
    return STAGES[name](version_folder, parameters)
