"""How a network file is run. An engine is picked by name from the model's config."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Protocol

from edge_router.engines.errors import EngineError
from edge_router.engines.onnx import OnnxEngine
from edge_router.errors import RepositoryError
from edge_router.tensors import Array

__all__ = ["ENGINES", "Engine", "EngineError", "load"]


class Engine(Protocol):
    def run(self, ids: Array, mask: Array) -> Array:
        """ids, mask INT64 [rows, tokens] -> logits FP32 [rows, logits]. Raises EngineError when the network refuses
        them."""
        ...


ENGINES: Mapping[str, Callable[[Path, int, Sequence[str]], Engine]] = {"onnx": OnnxEngine.load}


def load(name: str, folder: Path, *, threads: int, providers: Sequence[str]) -> Engine:
    """The engine called `name` over the network in `folder`. `threads` 0 = one for each core.

    Raises RepositoryError when there is no such engine, or the network cannot be run as asked.
    """
    if name not in ENGINES:
        raise RepositoryError(
            f"{folder.parent.name}: parameter ENGINE is {name!r}; set it to one of {', '.join(ENGINES)}"
        )
    return ENGINES[name](folder, threads, providers)
