"""One Triton model for every stage: its `STAGE` parameter says which one it runs."""

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
        """One response a request. A request that is wrong by itself gets an error, its neighbours their answer."""
        try:
            answers = self._stage.run([self._tensors(request) for request in requests])
        except Exception as error:
            # The backend would send the traceback to the client; the log gets the kind of error, never what the
            # request held.
            pb_utils.Logger.log_error(f"{self._name}: {type(error).__name__}")
            failure = pb_utils.TritonError(f"{self._name} failed", pb_utils.TritonError.INTERNAL)
            return [pb_utils.InferenceResponse(error=failure) for _ in requests]
        return [self._response(answer) for answer in answers]

    def _tensors(self, request: Any) -> Tensors:
        return {name: pb_utils.get_input_tensor_by_name(request, name).as_numpy() for name in self._inputs}

    @staticmethod
    def _response(answer: Tensors | RequestError) -> Any:
        if isinstance(answer, RequestError):
            return pb_utils.InferenceResponse(error=pb_utils.TritonError(str(answer), pb_utils.TritonError.INVALID_ARG))
        return pb_utils.InferenceResponse([pb_utils.Tensor(name, value) for name, value in answer.items()])
