"""Anthropic's client works with the controller if an upstream speaks its API."""

from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import msgspec
import pytest
from aiohttp import web
from anthropic import APIStatusError, AsyncAnthropic, BadRequestError, NotFoundError
from anthropic.types import MessageParam

from edge_router.controller.config import RouterConfig
from tests.api.conftest import Upstream

MESSAGES: list[MessageParam] = [{"role": "user", "content": "sort a list"}]


async def speak(request: web.Request) -> web.StreamResponse:
    fields = msgspec.json.decode(await request.read())
    if request.path.endswith("/count_tokens"):
        return web.json_response({"input_tokens": 5})
    message = {"id": "msg_1", "type": "message", "role": "assistant", "model": fields["model"], "stop_sequence": None}
    usage = {"input_tokens": 5, "output_tokens": 2}
    if not fields.get("stream"):
        content = [{"type": "text", "text": "good day"}]
        return web.json_response(message | {"content": content, "stop_reason": "end_turn", "usage": usage})
    stream = web.StreamResponse(headers={"content-type": "text/event-stream"})
    await stream.prepare(request)
    for event in (
        {"type": "message_start", "message": message | {"content": [], "stop_reason": None, "usage": usage}},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "good day"}},
        {"type": "content_block_stop", "index": 0},
        {"type": "message_delta", "delta": {"stop_reason": "end_turn", "stop_sequence": None}, "usage": usage},
        {"type": "message_stop"},
    ):
        await stream.write(f"event: {event['type']}\ndata: ".encode() + msgspec.json.encode(event) + b"\n\n")
        if request.headers["x-request-id"] == "dies" and event["type"] == "content_block_delta":
            assert request.transport is not None
            request.transport.abort()
    return stream


@pytest.fixture
def routes(routes: RouterConfig, upstream: Upstream) -> RouterConfig:
    """`large` is Anthropic's, `small` is not."""
    upstream.answer = speak
    written: dict[str, Any] = routes.model_dump(mode="json", exclude_unset=True)
    written["upstreams"]["large"]["kind"] = "anthropic"
    return RouterConfig.model_validate(written)


@pytest.fixture
async def anthropic(client: aiohttp.ClientSession) -> AsyncIterator[AsyncAnthropic]:
    async with client.get("/health") as reply:
        address = str(reply.url.origin())
    async with AsyncAnthropic(base_url=address, api_key="any", max_retries=0) as anthropic:
        yield anthropic


async def test_create_is_routed_and_answered(anthropic: AsyncAnthropic, upstream: Upstream) -> None:
    answer = await anthropic.messages.with_raw_response.create(model="auto", messages=MESSAGES, max_tokens=9)
    message = await answer.parse()
    assert (message.content[0].to_dict()["text"], message.model) == ("good day", "large-model")
    assert answer.headers["x-edge-router-upstream"] == "large"
    assert upstream.requests[-1].headers["anthropic-version"]
    assert "any" not in upstream.requests[-1].headers.values()


async def test_a_stream_yields_its_text_and_ends(anthropic: AsyncAnthropic) -> None:
    async with anthropic.messages.stream(model="auto", messages=MESSAGES, max_tokens=9) as stream:
        assert [text async for text in stream.text_stream] == ["good day"]
        assert (await stream.get_final_message()).stop_reason == "end_turn"


async def test_tokens_are_counted(anthropic: AsyncAnthropic) -> None:
    assert (await anthropic.messages.count_tokens(model="large", messages=MESSAGES)).input_tokens == 5


async def test_a_broken_stream_raises(anthropic: AsyncAnthropic) -> None:
    headers = {"x-request-id": "dies"}
    running = anthropic.messages.stream(model="auto", messages=MESSAGES, max_tokens=9, extra_headers=headers)
    async with running as stream:
        with pytest.raises(APIStatusError, match="large"):
            await stream.get_final_message()


@pytest.mark.parametrize(
    ("model", "error", "said"),
    [("nowhere", NotFoundError, "nowhere"), ("small", BadRequestError, "large")],
    ids=["unknown model", "an upstream that does not speak it"],
)
async def test_refusals_are_the_sdks_own_errors_and_name_an_alternative(
    anthropic: AsyncAnthropic, model: str, error: type[APIStatusError], said: str
) -> None:
    with pytest.raises(error, match=said) as raised:
        await anthropic.messages.create(model=model, messages=MESSAGES, max_tokens=9)
    body: Any = raised.value.body
    assert body["type"] == "error"
    assert body["error"].keys() == {"message", "type", "param", "code"}
