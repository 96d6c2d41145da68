"""ONNX Runtime, weights as external data: the file is mapped, pages that no prompt touches never become resident."""

from collections.abc import Sequence
from pathlib import Path
from typing import Self

from edge_router.contract import NETWORK_FILE
from edge_router.engines.errors import EngineError
from edge_router.engines.runtime import onnxruntime
from edge_router.errors import RepositoryError
from edge_router.tensors import Array

FATAL_ONLY = 4
"""ONNX Runtime's severity. Its warnings speak of the graph, which no user can change; its errors repeat what they were
given, and what is raised says enough."""


class OnnxEngine:
    """Inputs `input_ids`, `attention_mask`, output `logits`: the names every export of this project uses."""

    def __init__(self, session: onnxruntime.InferenceSession) -> None:
        self._session = session

    @classmethod
    def load(cls, folder: Path, threads: int, providers: Sequence[str]) -> Self:
        return cls(open_session(folder / NETWORK_FILE, threads, providers))

    def run(self, ids: Array, mask: Array) -> Array:
        try:
            logits: Array = self._session.run(["logits"], {"input_ids": ids, "attention_mask": mask})[0]
        except Exception as error:
            raise EngineError("ONNX Runtime refused the input") from error
        return logits


def open_session(file: Path, threads: int, providers: Sequence[str]) -> onnxruntime.InferenceSession:
    """Raises RepositoryError when the file cannot be run, or not by the first of `providers`."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = FATAL_ONLY
    try:
        session = onnxruntime.InferenceSession(str(file), options, providers=list(providers))
    except Exception as error:  # ONNX Runtime's errors share no base but Exception
        raise RepositoryError(
            f"{file}: ONNX Runtime cannot load it with PROVIDERS {', '.join(providers)}: {error}"
        ) from error
    if providers[0] not in session.get_providers():
        raise RepositoryError(
            f"{file}: PROVIDERS asks for {providers[0]}, but ONNX Runtime runs it on "
            f"{', '.join(session.get_providers())}; install the build for this device or set PROVIDERS to these"
        )
    return session
