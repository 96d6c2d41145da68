"""Triton's Python model for every stage; the model's `STAGE` parameter names the stage."""

import json
from pathlib import Path
from typing import Any

import triton_python_backend_utils as pb_utils

from edge_router import stages
from edge_router.errors import RequestError
from edge_router.tensors import Tensors


class TritonPythonModel:
    """The class that the Python backend looks for in `<version>/model.py`."""

    def initialize(self, args: dict[str, str]) -> None:
        config = json.loads(args["model_config"])
        parameters = {key: value["string_value"] for key, value in config["parameters"].items()}
        self._name = args["model_name"]
        self._inputs = [tensor["name"] for tensor in config["input"]]
        stages.refuse_idle_gpu(self._name, parameters, on_gpu=args["model_instance_kind"] == "GPU")
        self._stage = stages.load(Path(args["model_repository"], args["model_version"]), parameters)

    def execute(self, requests: list[Any]) -> list[Any]:
        """One response for each request; a wrong request gets an error and does not affect the others."""
        try:
            results = self._stage.run([self._tensors(request) for request in requests])
        except Exception as error:
            # The backend would send the traceback to the client. Only the error's type is logged: its text may hold
            # the request's content.
            pb_utils.Logger.log_error(f"{self._name}: {type(error).__name__}")
            failure = pb_utils.TritonError(f"{self._name} failed", pb_utils.TritonError.INTERNAL)
            return [pb_utils.InferenceResponse(error=failure) for _ in requests]
        return [self._response(result) for result in results]

    def _tensors(self, request: Any) -> Tensors:
        return {name: pb_utils.get_input_tensor_by_name(request, name).as_numpy() for name in self._inputs}

    @staticmethod
    def _response(result: Tensors | RequestError) -> Any:
        if isinstance(result, RequestError):
            return pb_utils.InferenceResponse(error=pb_utils.TritonError(str(result), pb_utils.TritonError.INVALID_ARG))
        return pb_utils.InferenceResponse([pb_utils.Tensor(name, value) for name, value in result.items()])
