"""The client over gRPC, by the service definition that tritonclient carries. Importing this module loads gRPC's
core."""

from collections.abc import Sequence
from typing import Any, Final, TypeAlias

import grpc
from google.protobuf.message import DecodeError
from yarl import URL

from edge_router.contract import OUTPUT
from edge_router.errors import RequestError, UnavailableError
from edge_router.tensors import DATATYPES, DTYPES, Tensors
from edge_router.v2.client import ALL_CLASSES, EMPTY_PROMPT, ResponseError, class_names
from edge_router.v2.data import decode, encode
from edge_router.v2.generated import generated_module

v2 = generated_module("service_pb2")

Message: TypeAlias = Any  # generated classes have no types of their own

SERVICE: Final = v2.DESCRIPTOR.services_by_name["GRPCInferenceService"].full_name
REFUSALS: Final = (grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.NOT_FOUND, grpc.StatusCode.UNIMPLEMENTED)
"""Status codes that correspond to HTTP's 4xx."""
CLOSE_SECONDS: Final = 1.0
OPTIONS: Final = (
    ("grpc.enable_retries", 0),
    ("grpc.enable_http_proxy", 0),
    ("grpc.use_local_subchannel_pool", 1),
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", 1000),
    ("grpc.max_reconnect_backoff_ms", 300),
)
"""Channel options for a fast reconnect: by default, gRPC waits up to two minutes before it tries a server again. The
minimum is the time limit of one connection attempt."""


class GrpcClient:
    """A `Client` over gRPC, with its own connection."""

    def __init__(self, url: str, ip: str | None = None) -> None:
        """`url`: http://HOST:PORT, or https:// for TLS. `ip`: the address to connect to, if HOST has several."""
        configured = URL(url)
        self.url = f"{configured.scheme}://{configured.raw_authority}"
        target = f"{(configured if ip is None else configured.with_host(ip)).host_subcomponent}:{configured.port}"
        options = [*OPTIONS, ("grpc.default_authority", configured.raw_authority)]
        if configured.scheme == "https":
            self._channel = grpc.aio.secure_channel(target, grpc.ssl_channel_credentials(), options)
        else:
            self._channel = grpc.aio.insecure_channel(target, options)
        self._infer_call = self._channel.unary_unary(f"/{SERVICE}/ModelInfer", v2.ModelInferRequest.SerializeToString)
        self._metadata_call = self._channel.unary_unary(
            f"/{SERVICE}/ModelMetadata", v2.ModelMetadataRequest.SerializeToString
        )
        self._ready_call = self._channel.unary_unary(f"/{SERVICE}/ServerReady", v2.ServerReadyRequest.SerializeToString)

    async def infer(self, model: str, inputs: Tensors) -> Tensors:
        return await self._infer(_request(model, inputs))

    async def outputs(self, model: str) -> list[str]:
        request = v2.ModelMetadataRequest(name=model)
        answer = await self._call(model, self._metadata_call, request, v2.ModelMetadataResponse)
        return [tensor.name for tensor in answer.outputs]

    async def labels(self, model: str, outputs: Sequence[str] = (OUTPUT,)) -> dict[str, list[str]]:
        request = _request(model, EMPTY_PROMPT)
        for output in outputs:
            request.outputs.add(name=output).parameters["classification"].int64_param = ALL_CLASSES
        found = await self._infer(request)
        return {output: class_names(model, output, found.get(output)) for output in outputs}

    async def ready(self) -> None:
        response = await self._call("ServerReady", self._ready_call, v2.ServerReadyRequest(), v2.ServerReadyResponse)
        if not response.ready:
            raise UnavailableError(f"{self.url} is not ready")

    async def close(self) -> None:
        """Closes the connection; calls in flight have one second to end."""
        await self._channel.close(CLOSE_SECONDS)

    async def _infer(self, request: Message) -> Tensors:
        response = await self._call(request.model_name, self._infer_call, request, v2.ModelInferResponse)
        try:
            return _outputs(response)
        except (ValueError, OverflowError) as error:
            raise ResponseError(f"{request.model_name}: not a V2 response: {error}") from error

    async def _call(self, name: str, call: Any, request: Message, response_class: Any) -> Message:
        """The parsed response of `call`. `name`: the model or call, for error messages."""
        try:
            return response_class.FromString(await call(request))
        except grpc.aio.AioRpcError as error:
            code = error.code()
            if code in REFUSALS:
                raise RequestError(f"{self.url}: {name} refused the request with {code.name}") from error
            raise UnavailableError(f"{self.url}: {name} does not answer: {code.name}") from error
        except DecodeError as error:
            raise ResponseError(f"{name}: not a V2 response") from error


def _request(model: str, inputs: Tensors) -> Message:
    request = v2.ModelInferRequest(model_name=model)
    for name, tensor in inputs.items():
        request.inputs.add(name=name, datatype=DATATYPES[tensor.dtype], shape=tensor.shape)
        request.raw_input_contents.append(encode(tensor))
    return request


def _outputs(response: Message) -> Tensors:
    """The outputs by name, as views of the message's bytes. Raises ValueError when the message is not V2."""
    descriptions, raw = response.outputs, response.raw_output_contents
    if len(descriptions) != len(raw):
        raise ValueError(f"{len(descriptions)} outputs, but {len(raw)} raw_output_contents")
    outputs = {}
    for each, data in zip(descriptions, raw, strict=True):
        if each.datatype not in DTYPES or min(each.shape, default=0) < 0:
            raise ValueError(f"{each.datatype} {list(each.shape)} is not a tensor")
        outputs[each.name] = decode(each.datatype, each.shape, data)
    return outputs
