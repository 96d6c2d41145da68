"""InferenceClient: outputs, or one of three errors by what the server does."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import aiohttp
import msgspec
import numpy as np
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from yarl import URL

from edge_router.errors import RequestError, RouterError, UnavailableError
from edge_router.tensors import text_tensor
from edge_router.v2.client import InferenceClient, ResponseError

Respond = Callable[[web.Request], Awaitable[web.StreamResponse]]
Connect = Callable[[Respond], Awaitable[InferenceClient]]
PROMPT = {"INPUT": text_tensor(["sört".encode()])}


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(sock_read=0.5)) as session:
        yield session


@pytest.fixture
async def connect(session: aiohttp.ClientSession) -> AsyncIterator[Connect]:
    """Starts a server that responds as given, and returns a client of it."""
    servers = []

    async def start(answer: Respond) -> InferenceClient:
        application = web.Application()
        application.router.add_route("*", "/{path:.*}", answer)
        servers.append(TestServer(application))
        await servers[-1].start_server()
        return InferenceClient(str(servers[-1].make_url("/")), session)

    yield start
    for server in servers:
        await server.close()


def says(body: bytes, status: int = 200, **headers: str) -> Respond:
    async def answer(request: web.Request) -> web.StreamResponse:
        return web.Response(body=body, status=status, headers={k.replace("_", "-"): v for k, v in headers.items()})

    return answer


def outputs(**found: list[Any]) -> bytes:
    described = [
        {"name": name, "datatype": "BYTES", "shape": [1, len(data)], "data": data} for name, data in found.items()
    ]
    return msgspec.json.encode({"outputs": described})


async def test_infer_sends_the_prompt_and_returns_every_output(connect: Connect) -> None:
    asked: list[tuple[str, bytes, int]] = []

    async def answer(request: web.Request) -> web.StreamResponse:
        length = int(request.headers["Inference-Header-Content-Length"])
        asked.append((request.path, await request.read(), length))
        output = {"name": "SCORE", "datatype": "FP32", "shape": [1, 2], "parameters": {"binary_data_size": 8}}
        header = msgspec.json.encode({"outputs": [output]})
        data = np.array([0.25, 1], dtype=np.float32).tobytes()
        return web.Response(body=header + data, headers={"Inference-Header-Content-Length": str(len(header))})

    client = await connect(answer)
    assert (await client.infer("a_model", PROMPT))["SCORE"].tolist() == [[0.25, 1]]
    [(path, body, length)] = asked
    assert (path, body[length:]) == ("/v2/models/a_model/infer", b"\x05\0\0\0s\xc3\xb6rt")


async def test_labels_are_in_the_order_of_their_index_and_keep_colons(connect: Connect) -> None:
    client = await connect(says(outputs(OUTPUT=["0.9:10:Last", "0.1:2:Middle: one", "0.0:0:First"])))
    assert await client.labels("a_model") == {"OUTPUT": ["First", "Middle: one", "Last"]}


async def test_labels_of_several_outputs_are_one_request(connect: Connect) -> None:
    asked: list[bytes] = []

    async def answer(request: web.Request) -> web.StreamResponse:
        asked.append(await request.read())
        return web.Response(body=outputs(TASK=["0.9:1:Code", "0.1:0:Chatbot"], DEMAND=["1:0:small", "0:1:large"]))

    client = await connect(answer)
    assert await client.labels("a_model", ["DEMAND", "TASK"]) == {
        "DEMAND": ["small", "large"],
        "TASK": ["Chatbot", "Code"],
    }
    assert len(asked) == 1


async def test_outputs_keep_the_order_of_the_metadata(connect: Connect) -> None:
    asked: list[tuple[str, str]] = []

    async def answer(request: web.Request) -> web.StreamResponse:
        asked.append((request.method, request.path))
        return web.json_response(
            {"name": "a_model", "outputs": [{"name": name, "datatype": "FP32", "shape": [-1]} for name in "BAC"]}
        )

    assert await (await connect(answer)).outputs("a_model") == ["B", "A", "C"]
    assert asked == [("GET", "/v2/models/a_model")]


@pytest.mark.parametrize("body", [b"<html>", b"[]", b'{"name": "a_model"}', b'{"outputs": [{"name": 1}]}'])
async def test_metadata_that_is_not_v2_is_a_response_error(connect: Connect, body: bytes) -> None:
    client = await connect(says(body))
    with pytest.raises(ResponseError, match=r"^a_model: not V2 metadata"):
        await client.outputs("a_model")


@pytest.mark.parametrize(("status", "error"), [(404, RequestError), (503, UnavailableError)])
async def test_a_refusal_of_metadata_is_named_by_its_status(
    connect: Connect, status: int, error: type[RouterError]
) -> None:
    client = await connect(says(b"", status))
    with pytest.raises(error, match=f"a_model .*{status}$"):
        await client.outputs("a_model")


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"<html>", id="not V2"),
        pytest.param(outputs(OTHER=["0.9:0:First"]), id="another output"),
        pytest.param(outputs(OUTPUT=["0.9:0"]), id="no names"),
        pytest.param(outputs(OUTPUT=["0.9:first:First"]), id="no index"),
        pytest.param(outputs(OUTPUT=[7]), id="numbers"),
        pytest.param(
            msgspec.json.encode({"outputs": [{"name": "OUTPUT", "datatype": "FP32", "shape": [1], "data": [1]}]}),
            id="floats",
        ),
    ],
)
async def test_malformed_labels_are_a_response_error(connect: Connect, body: bytes) -> None:
    client = await connect(says(body))
    with pytest.raises(ResponseError, match=r"^a_model: "):
        await client.labels("a_model")


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(says(b""), id="empty"),
        pytest.param(says(b"<html>"), id="HTML"),
        pytest.param(says(outputs(A=["b"]), Inference_Header_Content_Length="many"), id="length no number"),
        pytest.param(says(outputs(A=["b"]), Inference_Header_Content_Length="-5"), id="length negative"),
        pytest.param(says(outputs(A=["b"]), Inference_Header_Content_Length="9"), id="length too small"),
        pytest.param(
            says(b'{"outputs": [{"name": "A", "datatype": "FP32", "shape": [18446744073709551616, 0], "data": []}]}'),
            id="impossible shape",
        ),
    ],
)
async def test_a_response_that_is_not_v2_is_a_response_error(connect: Connect, answer: Respond) -> None:
    client = await connect(answer)
    with pytest.raises(ResponseError, match=r"^a_model: "):
        await client.infer("a_model", PROMPT)


@pytest.mark.parametrize(
    ("status", "error"),
    [(400, RequestError), (404, RequestError), (500, UnavailableError), (503, UnavailableError)],
)
async def test_the_status_decides_the_error(connect: Connect, status: int, error: type[RouterError]) -> None:
    client = await connect(says(b'{"error": "sort a list"}', status))
    with pytest.raises(error, match=f"a_model .*{status}$"):
        await client.infer("a_model", PROMPT)


async def hang_up(request: web.Request) -> web.StreamResponse:
    assert request.transport is not None
    request.transport.abort()
    return web.Response()


async def break_off(request: web.Request) -> web.StreamResponse:
    reply = web.StreamResponse()
    reply.content_length = 100
    await reply.prepare(request)
    await reply.write(b"{")
    return await hang_up(request)


async def be_silent(request: web.Request) -> web.StreamResponse:
    await asyncio.sleep(2)
    return web.Response()


@pytest.mark.parametrize("answer", [hang_up, break_off, be_silent])
async def test_a_server_that_does_not_answer_is_unavailable(connect: Connect, answer: Respond) -> None:
    client = await connect(answer)
    with pytest.raises(UnavailableError, match="does not answer"):
        await client.infer("a_model", PROMPT)


async def test_a_server_that_does_not_listen_is_unavailable(
    session: aiohttp.ClientSession, unused_tcp_port: int
) -> None:
    with pytest.raises(UnavailableError, match=f"127.0.0.1:{unused_tcp_port} does not answer"):
        await InferenceClient(f"http://127.0.0.1:{unused_tcp_port}", session).infer("a_model", PROMPT)


async def test_a_request_to_one_address_of_a_name_has_the_name_as_its_host(
    connect: Connect, session: aiohttp.ClientSession
) -> None:
    hosts: list[str] = []

    async def answer(request: web.Request) -> web.StreamResponse:
        hosts.append(request.host)
        return web.Response(body=outputs(A=["b"]))

    here = await connect(answer)
    url = f"http://router-server:{URL(here.url).port}"
    client = InferenceClient(url, session, "127.0.0.1")
    await client.infer("a_model", PROMPT)
    await client.ready()
    assert hosts == [url.removeprefix("http://")] * 2


async def test_a_request_on_a_connection_that_the_server_closes_is_sent_again(connect: Connect) -> None:
    """The server closes the idle connection while the next request is on its way."""
    asked = 0

    async def answer(request: web.Request) -> web.StreamResponse:
        nonlocal asked
        asked += 1
        return await hang_up(request) if asked == 2 else web.Response(body=outputs(A=["b"]))

    client = await connect(answer)
    for _ in range(2):
        assert (await client.infer("a_model", PROMPT))["A"].tolist() == [[b"b"]]
    assert asked == 3


async def test_a_redirect_is_not_followed(connect: Connect) -> None:
    client = await connect(says(b"", 307, Location="http://elsewhere.invalid/"))
    with pytest.raises(RequestError, match="307"):
        await client.infer("a_model", PROMPT)


@pytest.mark.parametrize(("status", "ready"), [(200, True), (400, False), (503, False)])
async def test_ready_raises_unless_the_server_answers_200(connect: Connect, status: int, ready: bool) -> None:
    client = await connect(says(b"", status))
    if ready:
        await client.ready()
    else:
        with pytest.raises(UnavailableError, match="not ready"):
            await client.ready()
