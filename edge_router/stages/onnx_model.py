"""Runs any ONNX file by the tensor names in its config.pbtxt, as Triton's `onnxruntime` backend does."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Self

import numpy as np

from edge_router.engines.onnx import open_session
from edge_router.engines.runtime import onnxruntime
from edge_router.errors import RepositoryError, RequestError
from edge_router.stages.parameters import Parameters, engine_settings
from edge_router.tensors import Array, Tensors


class OnnxModel:
    """A model of the `onnxruntime` backend, as a stage."""

    def __init__(self, session: onnxruntime.InferenceSession, outputs: Sequence[str]) -> None:
        self._session = session
        self._outputs = outputs

    @classmethod
    def load(cls, file: Path, parameters: Parameters, inputs: Sequence[str], outputs: Sequence[str]) -> Self:
        """Reads the parameters THREADS and PROVIDERS.

        Raises RepositoryError when the file's inputs and outputs are not those of config.pbtxt.
        """
        model = file.parent.parent.name
        session = open_session(file, engine_settings(model, parameters))
        actual_inputs = {node.name for node in session.get_inputs()}
        actual_outputs = {node.name for node in session.get_outputs()}
        if set(inputs) != actual_inputs or not set(outputs) <= actual_outputs:
            raise RepositoryError(
                f"{model}: {file.name} has inputs {', '.join(sorted(actual_inputs))} and outputs "
                f"{', '.join(sorted(actual_outputs))}; config.pbtxt says {', '.join(inputs)} and {', '.join(outputs)}"
            )
        return cls(session, outputs)

    def run(self, requests: Sequence[Tensors]) -> list[Tensors | RequestError]:
        return [self._request(request) for request in requests]

    def _request(self, request: Tensors) -> Tensors | RequestError:
        try:
            outputs = self._session.run(self._outputs, {name: _for_session(tensor) for name, tensor in request.items()})
        except UnicodeDecodeError:
            return RequestError("a string is not valid UTF-8; send text as UTF-8")
        except Exception:  # ONNX Runtime's errors share no base but Exception, and repeat the input
            return RequestError("the network refuses these tensors; their shapes do not fit together")
        return {name: _from_session(tensor) for name, tensor in zip(self._outputs, outputs, strict=True)}


def _for_session(tensor: Array) -> Array:
    return _each(bytes.decode, tensor) if tensor.dtype == np.object_ else tensor


def _from_session(tensor: Array) -> Array:
    return _each(str.encode, tensor) if tensor.dtype.kind in "OU" else tensor


def _each(change: Callable[..., object], tensor: Array) -> Array:
    changed: Array = np.frompyfunc(change, 1, 1)(tensor)
    return changed
