"""Any ONNX file, tensors in and out by the names of its model's configuration: Triton's `onnxruntime` backend."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Self

import numpy as np

from edge_router.engines.onnx import open_session
from edge_router.engines.runtime import onnxruntime
from edge_router.errors import RepositoryError, RequestError
from edge_router.stages.parameters import Parameters, engine_settings
from edge_router.tensors import Array, Tensors


class Graph:
    def __init__(self, session: onnxruntime.InferenceSession, outputs: Sequence[str]) -> None:
        self._session = session
        self._outputs = outputs

    @classmethod
    def load(cls, file: Path, parameters: Parameters, inputs: Sequence[str], outputs: Sequence[str]) -> Self:
        """Parameters: THREADS, PROVIDERS. Raises RepositoryError when the file is not what the configuration says."""
        model = file.parent.parent.name
        session = open_session(file, engine_settings(model, parameters))
        takes = {node.name for node in session.get_inputs()}
        gives = {node.name for node in session.get_outputs()}
        if set(inputs) != takes or not set(outputs) <= gives:
            raise RepositoryError(
                f"{model}: {file.name} takes {', '.join(sorted(takes))} and gives {', '.join(sorted(gives))}; "
                f"config.pbtxt says {', '.join(inputs)} and {', '.join(outputs)}"
            )
        return cls(session, outputs)

    def run(self, requests: Sequence[Tensors]) -> list[Tensors | RequestError]:
        return [self._request(request) for request in requests]

    def _request(self, request: Tensors) -> Tensors | RequestError:
        try:
            found = self._session.run(self._outputs, {name: _for_session(tensor) for name, tensor in request.items()})
        except UnicodeDecodeError:
            return RequestError("a string is not valid UTF-8; send text as UTF-8")
        except Exception:  # ONNX Runtime's errors share no base but Exception, and repeat what they were given
            return RequestError("the network refuses these tensors; its shapes depend on one another")
        return {name: _from_session(tensor) for name, tensor in zip(self._outputs, found, strict=True)}


def _for_session(tensor: Array) -> Array:
    return _each(bytes.decode, tensor) if tensor.dtype == np.object_ else tensor


def _from_session(tensor: Array) -> Array:
    return _each(str.encode, tensor) if tensor.dtype.kind in "OU" else tensor


def _each(change: Callable[..., object], tensor: Array) -> Array:
    changed: Array = np.frompyfunc(change, 1, 1)(tensor)
    return changed
