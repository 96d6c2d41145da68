"""The upstream's work ends when the client disconnects."""

import asyncio

import aiohttp
import pytest
from aiohttp import web
from structlog.testing import capture_logs

from tests.api.conftest import Upstream, in_two

CHAT = "/v1/chat/completions"
HALF = b'{"data": "' + b"x" * 2**23
"""Of an answer that is too large to be held until it is whole."""
BODY = {"model": "auto", "messages": [{"role": "user", "content": "sort a list"}]}


@pytest.mark.parametrize("stream", [True, False])
async def test_a_disconnect_before_the_first_byte_cancels_the_upstream_request(
    client: aiohttp.ClientSession, upstream: Upstream, stream: bool
) -> None:
    asked = asyncio.Event()

    async def think(request: web.Request) -> web.StreamResponse:
        asked.set()
        await asyncio.Event().wait()
        return web.Response()

    upstream.answer = think
    calling = asyncio.create_task(client.post(CHAT, json=BODY | {"stream": stream}))
    await asked.wait()
    calling.cancel()
    await asyncio.wait_for(upstream.cancelled.wait(), 15)


@pytest.mark.parametrize(
    ("content_type", "begun"),
    [("text/event-stream", b'data: {"choices": [{"delta": {"content": "a"}}]}\n\n'), ("application/json", HALF)],
)
async def test_a_disconnect_after_the_first_byte_cancels_the_upstream_request(
    client: aiohttp.ClientSession, upstream: Upstream, content_type: str, begun: bytes
) -> None:
    async def begin(request: web.Request) -> web.StreamResponse:
        stream = web.StreamResponse(headers={"content-type": content_type})
        await stream.prepare(request)
        await stream.write(begun)
        await asyncio.Event().wait()
        return stream

    upstream.answer = begin
    reply = await client.post(CHAT, json=BODY | {"stream": True})
    assert begun.startswith(await reply.content.readany())
    with capture_logs() as lines:
        reply.close()
        await asyncio.wait_for(upstream.cancelled.wait(), 15)
        while not lines:
            await asyncio.sleep(0.01)
    assert [(line["event"], line["outcome"]) for line in lines] == [("request", "client_disconnected")]


async def test_a_disconnect_does_not_disturb_another_client(client: aiohttp.ClientSession, upstream: Upstream) -> None:
    more = asyncio.Event()
    upstream.answer = in_two(more)
    leaving, staying = [await client.post(CHAT, json=BODY | {"stream": True}) for _ in range(2)]
    leaving.close()
    await asyncio.wait_for(upstream.cancelled.wait(), 15)
    more.set()
    assert await staying.read() == b"data: 1\n\ndata: [DONE]\n\n"
