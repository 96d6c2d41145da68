"""GrpcClient: the same outputs and errors as over HTTP."""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import grpc
import numpy as np
import pytest

from edge_router.errors import RequestError, RouterError, UnavailableError
from edge_router.server.grpc_tensors import write_outputs
from edge_router.tensors import text_tensor
from edge_router.v2.client import ResponseError
from edge_router.v2.generated import generated_module
from edge_router.v2.grpc import GrpcClient

v2 = generated_module("service_pb2")
Respond = Callable[[Any, Any], Awaitable[bytes]]
Connect = Callable[[Respond], Awaitable[GrpcClient]]
PROMPT = {"INPUT": text_tensor(["sört".encode()])}


@pytest.fixture
async def connect(free_port: int) -> AsyncIterator[Connect]:
    """Starts a server that responds to ModelInfer as given and is not ready; returns a client of it."""
    servers, clients = [], []

    async def ready(request: bytes, context: Any) -> bytes:
        return b""

    async def start(answer: Respond) -> GrpcClient:
        server = grpc.aio.server()
        calls = {
            "ModelInfer": grpc.unary_unary_rpc_method_handler(answer, v2.ModelInferRequest.FromString),
            "ModelMetadata": grpc.unary_unary_rpc_method_handler(answer, v2.ModelMetadataRequest.FromString),
            "ServerReady": grpc.unary_unary_rpc_method_handler(ready),
        }
        server.add_generic_rpc_handlers([grpc.method_handlers_generic_handler("inference.GRPCInferenceService", calls)])
        server.add_insecure_port(f"127.0.0.1:{free_port}")
        await server.start()
        servers.append(server)
        clients.append(GrpcClient(f"http://router-server:{free_port}/", "127.0.0.1"))
        return clients[-1]

    yield start
    for client in clients:
        await client.close()
    for server in servers:
        await server.stop(None)


def says(content: bytes) -> Respond:
    async def answer(request: Any, context: Any) -> bytes:
        return content

    return answer


def outputs(**tensors: Any) -> bytes:
    answer = v2.ModelInferResponse()
    write_outputs(answer, tensors)
    content: bytes = answer.SerializeToString()
    return content


def described(datatype: str, shape: list[int], data: bytes) -> bytes:
    answer = v2.ModelInferResponse()
    answer.outputs.add(name="OUTPUT", datatype=datatype, shape=shape)
    answer.raw_output_contents.append(data)
    content: bytes = answer.SerializeToString()
    return content


async def test_infer_sends_the_prompt_and_returns_every_output(connect: Connect) -> None:
    asked: list[Any] = []

    async def answer(request: Any, context: Any) -> bytes:
        asked.append(request)
        return outputs(SCORE=np.array([[0.25, 1]], np.float32), LABEL=text_tensor([b"Code"]))

    client = await connect(answer)
    found = await client.infer("a_model", PROMPT)
    assert (found["SCORE"].tolist(), found["LABEL"].tolist()) == ([[0.25, 1]], [[b"Code"]])
    [request] = asked
    assert (request.model_name, request.inputs[0].name, list(request.inputs[0].shape)) == ("a_model", "INPUT", [1, 1])
    assert list(request.raw_input_contents) == [b"\x05\0\0\0s\xc3\xb6rt"]


async def test_labels_are_in_the_order_of_their_index_and_keep_colons(connect: Connect) -> None:
    client = await connect(says(outputs(OUTPUT=text_tensor([b"0.9:10:Last", b"0.1:2:Middle: one", b"0:0:First"]))))
    assert await client.labels("a_model") == {"OUTPUT": ["First", "Middle: one", "Last"]}


async def test_labels_of_several_outputs_are_one_request(connect: Connect) -> None:
    asked: list[list[str]] = []

    async def answer(request: Any, context: Any) -> bytes:
        asked.append([output.name for output in request.outputs])
        assert all(output.parameters["classification"].int64_param for output in request.outputs)
        return outputs(TASK=text_tensor([b"1:0:Code"]), DEMAND=text_tensor([b"0:1:large", b"1:0:small"]))

    client = await connect(answer)
    assert await client.labels("a_model", ["DEMAND", "TASK"]) == {"DEMAND": ["small", "large"], "TASK": ["Code"]}
    assert asked == [["DEMAND", "TASK"]]


async def test_outputs_keep_the_order_of_the_metadata(connect: Connect) -> None:
    asked: list[Any] = []

    async def answer(request: Any, context: Any) -> bytes:
        asked.append(request.name)
        found = v2.ModelMetadataResponse(name=request.name)
        for name in "BAC":
            found.outputs.add(name=name, datatype="FP32", shape=[-1])
        content: bytes = found.SerializeToString()
        return content

    assert await (await connect(answer)).outputs("a_model") == ["B", "A", "C"]
    assert asked == ["a_model"]


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"<html>", id="not protobuf"),
        pytest.param(described("FP8", [1], b"1"), id="unknown data type"),
        pytest.param(described("FP32", [2], b"1234"), id="too little data"),
        pytest.param(described("FP32", [-1], b"1234"), id="negative shape"),
        pytest.param(described("BYTES", [1], b"\xff\0\0\0a"), id="text cut off"),
        pytest.param(described("FP32", [2**62, 0], b""), id="impossible shape"),
        pytest.param(v2.ModelInferResponse(raw_output_contents=[b"1"]).SerializeToString(), id="data of no output"),
    ],
)
async def test_a_response_that_is_not_v2_is_a_response_error(connect: Connect, content: bytes) -> None:
    client = await connect(says(content))
    with pytest.raises(ResponseError, match=r"^a_model: "):
        await client.infer("a_model", PROMPT)


@pytest.mark.parametrize(
    ("code", "error"),
    [
        (grpc.StatusCode.INVALID_ARGUMENT, RequestError),
        (grpc.StatusCode.NOT_FOUND, RequestError),
        (grpc.StatusCode.INTERNAL, UnavailableError),
        (grpc.StatusCode.UNAVAILABLE, UnavailableError),
    ],
)
async def test_the_status_code_decides_the_error(connect: Connect, code: Any, error: type[RouterError]) -> None:
    async def refuse(request: Any, context: Any) -> bytes:
        await context.abort(code, "sort a list")
        return b""

    client = await connect(refuse)
    with pytest.raises(error, match=f"a_model .*{code.name}$"):
        await client.infer("a_model", PROMPT)


async def test_a_server_that_does_not_listen_is_unavailable(free_port: int) -> None:
    client = GrpcClient(f"http://127.0.0.1:{free_port}")
    with pytest.raises(UnavailableError, match=f"127.0.0.1:{free_port}: a_model does not answer"):
        await client.infer("a_model", PROMPT)
    await client.close()


async def test_a_server_that_says_it_is_not_ready_is_unavailable(connect: Connect) -> None:
    client = await connect(says(b""))
    with pytest.raises(UnavailableError, match="is not ready"):
        await client.ready()
