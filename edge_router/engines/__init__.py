"""Engines run a network file. The ENGINE parameter of a model's config.pbtxt names one."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Protocol

from edge_router.contract import ENGINE_PARAMETER
from edge_router.engines.errors import EngineError
from edge_router.engines.onnx import OnnxEngine
from edge_router.engines.settings import EngineSettings
from edge_router.engines.torchscript import TorchscriptEngine
from edge_router.errors import RepositoryError
from edge_router.tensors import Array

__all__ = ["ENGINES", "Engine", "EngineError", "EngineSettings", "load"]


class Engine(Protocol):
    """A loaded network."""

    @property
    def masked(self) -> bool:
        """True when the network takes an attention mask; without one, rows must not be padded."""
        ...

    def run(self, ids: Array, mask: Array) -> Array:
        """Runs the network: ids, mask INT64 [rows, tokens] -> logits FP32 [rows, logits].

        Raises EngineError when the network refuses the input.
        """
        ...


ENGINES: Mapping[str, Callable[[Path, EngineSettings], Engine]] = {
    "onnx": OnnxEngine.load,
    "torchscript": TorchscriptEngine.load,
}


def load(name: str, folder: Path, settings: EngineSettings) -> Engine:
    """Loads the network in `folder` with the engine called `name`.

    Raises RepositoryError when there is no such engine, or the network cannot be run with `settings`.
    """
    if name not in ENGINES:
        raise RepositoryError(
            f"{folder.parent.name}: parameter {ENGINE_PARAMETER} is {name!r}; set it to one of {', '.join(ENGINES)}"
        )
    return ENGINES[name](folder, settings)
