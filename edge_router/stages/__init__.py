"""The stages of a classification: tokenize, classify, decide.

A stage takes a batch of requests and returns one result for each, in their order: output tensors, or the error of that
request. A stage knows neither Triton nor HTTP, so every server runs the same code. What differs between networks is
data in the version folder; what differs between devices is a parameter in the model's config.pbtxt.
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Protocol, TypeAlias

from edge_router.contract import STAGE_PARAMETER
from edge_router.errors import RepositoryError, RequestError
from edge_router.stages.classify import Classify
from edge_router.stages.decide import Decide
from edge_router.stages.onnx_model import OnnxModel
from edge_router.stages.parameters import Parameters, refuse_idle_gpu
from edge_router.stages.tokenize import Tokenize
from edge_router.tensors import Tensors

__all__ = ["STAGES", "OnnxModel", "Parameters", "Stage", "StageResult", "load", "refuse_idle_gpu"]

StageResult: TypeAlias = Tensors | RequestError
"""The output tensors of one request, or the error that refuses it."""


class Stage(Protocol):
    """A step of the way from prompt to decision: tensors in, tensors out."""

    def run(self, requests: Sequence[Tensors]) -> list[StageResult]:
        """Returns one result for each request, in order; the rows of a request keep their order too."""
        ...


STAGES: Mapping[str, Callable[[Path, Parameters], Stage]] = {
    "tokenize": Tokenize.load,
    "classify": Classify.load,
    "decide": Decide.load,
}


def load(version_folder: Path, parameters: Parameters) -> Stage:
    """Loads the stage that a model's parameters name, with the data of `version_folder`.

    Raises RepositoryError when the name is unknown or the folder's data is missing or wrong.
    """
    name = parameters.get(STAGE_PARAMETER, "")
    if name not in STAGES:
        raise RepositoryError(
            f"{version_folder.parent.name}: parameter {STAGE_PARAMETER} is {name!r}; "
            f"set it to one of {', '.join(STAGES)}"
        )
    return STAGES[name](version_folder, parameters)
