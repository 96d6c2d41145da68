"""How a network file is run. An engine is picked by name from the model's config."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Protocol

from edge_router.contract import ENGINE_PARAMETER
from edge_router.engines.errors import EngineError
from edge_router.engines.onnx import OnnxEngine
from edge_router.engines.settings import Settings
from edge_router.engines.torchscript import TorchscriptEngine
from edge_router.errors import RepositoryError
from edge_router.tensors import Array

__all__ = ["ENGINES", "Engine", "EngineError", "Settings", "load"]


class Engine(Protocol):
    @property
    def masked(self) -> bool:
        """Whether rows may be padded: some networks take no mask, and take every token for one of the prompt."""
        ...

    def run(self, ids: Array, mask: Array) -> Array:
        """ids, mask INT64 [rows, tokens] -> logits FP32 [rows, logits]. Raises EngineError when the network refuses
        them."""
        ...


ENGINES: Mapping[str, Callable[[Path, Settings], Engine]] = {
    "onnx": OnnxEngine.load,
    "torchscript": TorchscriptEngine.load,
}


def load(name: str, folder: Path, settings: Settings) -> Engine:
    """The engine called `name` over the network in `folder`.

    Raises RepositoryError when there is no such engine, or the network cannot be run as asked.
    """
    if name not in ENGINES:
        raise RepositoryError(
            f"{folder.parent.name}: parameter {ENGINE_PARAMETER} is {name!r}; set it to one of {', '.join(ENGINES)}"
        )
    return ENGINES[name](folder, settings)
