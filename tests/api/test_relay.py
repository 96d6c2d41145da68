"""The client gets what the upstream sent, and the upstream gets what the client sent."""

import asyncio
from typing import Any

import aiohttp
import msgspec
import pytest
from aiohttp import web

from edge_router.controller.config import RouterConfig
from tests.api.conftest import Handler, Upstream
from tests.support.controller import Control, GivenClassifier
from tests.support.ports import unused_port

CHAT = "/v1/chat/completions"
BODY = {"model": "auto", "messages": [{"role": "user", "content": "sort a list"}]}
EVENTS = [
    b'data: {"choices": [{"delta": {"content": "g\xc3\xb6od"}}]}\n\n',
    b": a comment\r\n\r\n",
    b"data: [DONE]\n\n",
]


def events(*pieces: bytes, ending: Handler | None = None) -> Handler:
    async def reply(request: web.Request) -> web.StreamResponse:
        stream = web.StreamResponse(headers={"content-type": "text/event-stream; charset=utf-8"})
        await stream.prepare(request)
        for piece in pieces:
            await stream.write(piece)
        return await ending(request) if ending else stream

    return reply


def answer(status: int, body: bytes, **headers: str) -> Handler:
    async def reply(request: web.Request) -> web.StreamResponse:
        return web.Response(
            status=status, body=body, headers={name.replace("_", "-"): headers[name] for name in headers}
        )

    return reply


async def test_a_stream_arrives_byte_for_byte(client: aiohttp.ClientSession, upstream: Upstream) -> None:
    upstream.answer = events(*EVENTS)
    async with client.post(CHAT, json=BODY | {"stream": True}) as reply:
        assert (reply.status, reply.headers["content-type"]) == (200, "text/event-stream; charset=utf-8")
        assert await reply.read() == b"".join(EVENTS)


async def test_a_stream_is_passed_on_while_it_runs(client: aiohttp.ClientSession, upstream: Upstream) -> None:
    more = asyncio.Event()

    async def reply_in_two(request: web.Request) -> web.StreamResponse:
        stream = web.StreamResponse(headers={"content-type": "text/event-stream"})
        await stream.prepare(request)
        await stream.write(EVENTS[0])
        await more.wait()
        await stream.write(EVENTS[2])
        return stream

    upstream.answer = reply_in_two
    async with client.post(CHAT, json=BODY | {"stream": True}) as reply:
        assert await reply.content.readexactly(len(EVENTS[0])) == EVENTS[0]
        more.set()
        assert await reply.read() == EVENTS[2]


@pytest.mark.parametrize("status", [200, 400, 404, 422])
async def test_an_answer_arrives_byte_for_byte_whatever_its_status(
    client: aiohttp.ClientSession, upstream: Upstream, status: int
) -> None:
    upstream.answer = answer(status, b'{ "not":\n"reformatted" }', content_type="application/json; v=1")
    async with client.post(CHAT, json=BODY) as reply:
        assert (reply.status, reply.headers["content-type"]) == (status, "application/json; v=1")
        assert await reply.read() == b'{ "not":\n"reformatted" }'


async def test_a_large_answer_arrives_whole(client: aiohttp.ClientSession, upstream: Upstream) -> None:
    content = b'{"data": "' + b"x" * 2**23 + b'"}'
    upstream.answer = answer(200, content, content_type="application/json")
    async with client.post(CHAT, json=BODY) as reply:
        assert await reply.read() == content


async def test_headers_arrive_except_those_of_the_connection(client: aiohttp.ClientSession, upstream: Upstream) -> None:
    upstream.answer = answer(422, b"{}", retry_after="7", openai_version="1", set_cookie="a=b", server="theirs")
    async with client.post(CHAT, json=BODY) as reply:
        assert (reply.headers["retry-after"], reply.headers["openai-version"]) == ("7", "1")
        assert "set-cookie" not in reply.headers
        assert "theirs" not in reply.headers.getall("server", [])


@pytest.mark.parametrize(
    "fields",
    [
        {"temperature": 0.7, "max_tokens": 5, "stop": None, "stream_options": {"include_usage": True}},
        {"x_unknown": {"deep": [1, 2.5, -0.0, True, None, "ü\u0000\\", {}]}, "": [], "seed": 2**63},
        {"tools": [{"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}]},
    ],
    ids=["known", "unknown", "tools"],
)
async def test_fields_reach_the_upstream_unchanged(
    client: aiohttp.ClientSession, upstream: Upstream, fields: dict[str, Any]
) -> None:
    async with client.post(CHAT, json=BODY | fields):
        assert upstream.last == BODY | fields | {"model": "large-model"}


async def test_integers_of_any_size_reach_the_upstream_unchanged(
    client: aiohttp.ClientSession, upstream: Upstream
) -> None:
    async with client.post(CHAT, data=msgspec.json.encode(BODY)[:-1] + b', "seed": 36893488147419103233}'):
        assert b"36893488147419103233" in upstream.requests[-1].content


async def test_the_upstream_gets_its_own_key_and_never_the_clients(
    control: Control,
    routes: RouterConfig,
    upstream: Upstream,
    classifier: GivenClassifier,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("LARGE_KEY", "the-upstreams")
    content = routes.model_dump(mode="json", exclude_none=True)
    content["upstreams"]["large"]["api_key"] = {"env": "LARGE_KEY"}
    client = await control(RouterConfig.model_validate(content), classifier)
    headers = {"authorization": "Bearer the-clients", "cookie": "a=b", "traceparent": "00-1-2-01"}
    for model in ("large", "small"):
        async with client.post(CHAT, json=BODY | {"model": model}, headers=headers) as reply:
            assert reply.status == 200
    large, small = (request.headers for request in upstream.requests)
    assert (large["authorization"], large["traceparent"]) == ("Bearer the-upstreams", "00-1-2-01")
    assert "authorization" not in small
    assert "cookie" not in large


@pytest.mark.parametrize("given", ["mine-1", None])
async def test_one_request_id_reaches_both_ends(
    client: aiohttp.ClientSession, upstream: Upstream, given: str | None
) -> None:
    async with client.post(CHAT, json=BODY, headers={"x-request-id": given} if given else {}) as reply:
        assert reply.headers.getall("x-request-id") == [upstream.requests[-1].headers["x-request-id"]]
        assert given in (None, reply.headers["x-request-id"])


async def test_the_controllers_headers_replace_the_same_headers_of_an_upstream(
    client: aiohttp.ClientSession, upstream: Upstream
) -> None:
    theirs = {"x_request_id": "theirs", "x_chosen_classifier": "theirs", "x_edge_router_model": "theirs"}
    upstream.answer = answer(200, b"{}", **theirs)
    async with client.post(CHAT, json=BODY, headers={"x-request-id": "mine"}) as reply:
        assert reply.headers.getall("x-request-id") == ["mine"]
        assert reply.headers.getall("x-chosen-classifier") == ["Code"]
        assert reply.headers.getall("x-edge-router-model") == ["large-model"]


async def test_an_upstream_that_is_down_is_a_bad_gateway(
    control: Control, routes: RouterConfig, classifier: GivenClassifier
) -> None:
    content = routes.model_dump(mode="json", exclude_none=True)
    content["upstreams"]["large"]["url"] = f"http://127.0.0.1:{unused_port()}/v1"
    client = await control(RouterConfig.model_validate(content), classifier)
    async with client.post(CHAT, json=BODY | {"model": "large"}) as reply:
        error = (await reply.json())["error"]
        assert (reply.status, error["type"], error["code"]) == (502, "server_error", "upstream_error")
        assert "'large'" in error["message"]
        assert reply.headers["x-edge-router-upstream"] == "large"
