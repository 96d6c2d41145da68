"""V2 over gRPC, by the service definition that tritonclient carries. Calls that are missing here answer
UNIMPLEMENTED."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import Any, TypeAlias

import grpc
import structlog
from google.protobuf.json_format import ParseDict
from google.protobuf.message_factory import GetMessageClass

from edge_router.errors import ConfigError, NotFoundError, RequestError, RouterError
from edge_router.server import metadata
from edge_router.server.grpc_tensors import read_inputs, write_outputs
from edge_router.server.inference import Inference
from edge_router.server.registry import ModelRegistry
from edge_router.server.settings import ServerSettings
from edge_router.server.statistics import Statistics
from edge_router.v2.generated import generated_module
from edge_router.v2.request import InferRequest, RequestedOutput

log = structlog.get_logger()

v2 = generated_module("service_pb2")
SERVICE = v2.DESCRIPTOR.services_by_name["GRPCInferenceService"]
STATUS_CODES: Mapping[int, grpc.StatusCode] = {
    400: grpc.StatusCode.INVALID_ARGUMENT,
    404: grpc.StatusCode.NOT_FOUND,
    503: grpc.StatusCode.UNAVAILABLE,
}
MICROSECONDS = 1e-6
FAILED = "the server failed on this call; its log names the error"

Message: TypeAlias = Any  # generated classes have no types of their own
Call: TypeAlias = Callable[[Message], Awaitable[Message]]


class GrpcService:
    """Implements the calls of V2's GRPCInferenceService."""

    def __init__(self, registry: ModelRegistry, inference: Inference, statistics: Statistics) -> None:
        self._registry = registry
        self._inference = inference
        self._statistics = statistics

    def handler(self) -> grpc.GenericRpcHandler:
        calls: Mapping[str, Call] = {
            "ServerLive": self._live,
            "ServerReady": self._ready,
            "ModelReady": self._model_ready,
            "ServerMetadata": self._server,
            "ModelMetadata": self._model,
            "ModelConfig": self._config,
            "ModelStatistics": self._model_statistics,
            "RepositoryIndex": self._index,
            "RepositoryModelLoad": self._load,
            "RepositoryModelUnload": self._unload,
            "ModelInfer": self._infer,
        }
        handlers = {name: _unary(name, call) for name, call in calls.items()}
        handlers["ModelStreamInfer"] = _stream("ModelStreamInfer", self._stream_infer)
        return grpc.method_handlers_generic_handler(SERVICE.full_name, handlers)

    async def _live(self, request: Message) -> Message:
        return v2.ServerLiveResponse(live=True)

    async def _ready(self, request: Message) -> Message:
        return v2.ServerReadyResponse(ready=True)

    async def _model_ready(self, request: Message) -> Message:
        try:
            self._registry.find(request.name, request.version)
        except NotFoundError:
            return v2.ModelReadyResponse(ready=False)
        return v2.ModelReadyResponse(ready=True)

    async def _server(self, request: Message) -> Message:
        return ParseDict(metadata.server_metadata(), v2.ServerMetadataResponse())

    async def _model(self, request: Message) -> Message:
        served = self._registry.find(request.name, request.version)
        versions = [served] if request.version else self._registry.versions(request.name)
        return ParseDict(metadata.model_metadata(versions, served), v2.ModelMetadataResponse())

    async def _config(self, request: Message) -> Message:
        return v2.ModelConfigResponse(config=self._registry.find(request.name, request.version).config)

    async def _model_statistics(self, request: Message) -> Message:
        served = self._registry.select(request.name, request.version)
        return ParseDict(metadata.model_statistics(served, self._statistics), v2.ModelStatisticsResponse())

    async def _index(self, request: Message) -> Message:
        return ParseDict({"models": self._registry.index(ready_only=request.ready)}, v2.RepositoryIndexResponse())

    async def _load(self, request: Message) -> Message:
        if request.parameters:
            raise RequestError("load parameters are not supported; the server loads the repository as it is on disk")
        await self._registry.load(request.model_name)
        return v2.RepositoryModelLoadResponse()

    async def _unload(self, request: Message) -> Message:
        await self._registry.unload(request.model_name)
        return v2.RepositoryModelUnloadResponse()

    async def _infer(self, request: Message) -> Message:
        served = self._registry.find(request.model_name, request.model_version)
        inferred = await self._inference.infer(served, _infer_request(request))
        response = v2.ModelInferResponse(
            model_name=inferred.model,
            model_version=str(inferred.version),
            id=inferred.id,
            parameters=_infer_parameters(inferred.parameters),
        )
        write_outputs(response, inferred.outputs)
        return response

    async def _stream_infer(self, requests: AsyncIterator[Message]) -> AsyncIterator[Message]:
        """Answers requests in order. A failed request gets an error message, and the stream goes on."""
        async for request in requests:
            try:
                response = await self._infer(request)
                response.parameters["triton_final_response"].bool_param = True
                yield v2.ModelStreamInferResponse(infer_response=response)
            except RouterError as error:
                empty = v2.ModelInferResponse(id=request.id)
                yield v2.ModelStreamInferResponse(error_message=str(error), infer_response=empty)


async def serve_grpc(service: GrpcService, settings: ServerSettings, stopped: asyncio.Event) -> None:
    """Serves until `stopped` is set; calls in flight are finished first."""
    limit = settings.body_bytes
    server = grpc.aio.server(
        options=[
            ("grpc.max_receive_message_length", limit),
            ("grpc.max_send_message_length", limit),
            ("grpc.so_reuseport", 0),
        ]
    )
    server.add_generic_rpc_handlers([service.handler()])
    address = f"[{settings.host}]" if ":" in settings.host else settings.host
    if server.add_insecure_port(f"{address}:{settings.grpc_port}") != settings.grpc_port:
        raise ConfigError(f"cannot listen on {address}:{settings.grpc_port}; choose another port or address")
    await server.start()
    await stopped.wait()
    await server.stop(settings.answer_seconds)


def _infer_request(request: Message) -> InferRequest:
    outputs = [
        RequestedOutput(output.name, output.parameters["classification"].int64_param)
        if "classification" in output.parameters
        else RequestedOutput(output.name)
        for output in request.outputs
    ]
    timeout = request.parameters["timeout"].int64_param * MICROSECONDS if "timeout" in request.parameters else 0
    return InferRequest(read_inputs(request), outputs, request.id, timeout or None)


def _infer_parameters(parameters: Mapping[str, bool | int]) -> dict[str, Message]:
    return {
        name: v2.InferParameter(bool_param=value) if isinstance(value, bool) else v2.InferParameter(int64_param=value)
        for name, value in parameters.items()
    }


def _unary(name: str, call: Call) -> grpc.RpcMethodHandler:
    async def respond(request: Message, context: Any) -> Message:
        try:
            return await call(request)
        except RouterError as error:
            await context.abort(STATUS_CODES.get(error.status, grpc.StatusCode.INTERNAL), str(error))
        except Exception as error:
            log.error("call failed", call=name, error=type(error).__name__)
            await context.abort(grpc.StatusCode.INTERNAL, FAILED)

    deserialize, serialize = _serializers(name)
    return grpc.unary_unary_rpc_method_handler(respond, deserialize, serialize)


def _stream(name: str, call: Callable[[AsyncIterator[Message]], AsyncIterator[Message]]) -> grpc.RpcMethodHandler:
    async def respond(requests: AsyncIterator[Message], context: Any) -> AsyncIterator[Message]:
        try:
            async for response in call(requests):
                yield response
        except Exception as error:
            log.error("call failed", call=name, error=type(error).__name__)
            await context.abort(grpc.StatusCode.INTERNAL, FAILED)

    deserialize, serialize = _serializers(name)
    return grpc.stream_stream_rpc_method_handler(respond, deserialize, serialize)


def _serializers(name: str) -> tuple[Callable[[bytes], Message], Callable[[Message], bytes]]:
    method = SERVICE.methods_by_name[name]
    return GetMessageClass(method.input_type).FromString, lambda message: message.SerializeToString()
