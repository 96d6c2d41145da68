"""OpenAI's client works with the controller as with OpenAI."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import msgspec
import pytest
from aiohttp import web
from openai import (
    APIError,
    AsyncOpenAI,
    BadRequestError,
    InternalServerError,
    NotFoundError,
    OpenAI,
    RateLimitError,
    UnprocessableEntityError,
)
from openai.types.chat import ChatCompletionToolUnionParam, ChatCompletionUserMessageParam

from edge_router.controller.config import RouterConfig
from tests.api.conftest import Upstream

MESSAGES: list[ChatCompletionUserMessageParam] = [{"role": "user", "content": "sort a list"}]
TOOLS: list[ChatCompletionToolUnionParam] = [{"type": "function", "function": {"name": "clock", "parameters": {}}}]


@pytest.fixture
def routes(routes: RouterConfig) -> RouterConfig:
    """`large` answers /v1/responses too."""
    written: dict[str, Any] = routes.model_dump(mode="json", exclude_unset=True)
    written["upstreams"]["large"]["speaks"] = ["chat", "completions", "embeddings", "responses"]
    return RouterConfig.model_validate(written)


@pytest.fixture
async def openai(client: aiohttp.ClientSession) -> AsyncIterator[AsyncOpenAI]:
    async with client.get("/health") as reply:
        address = str(reply.url.with_path("/v1"))
    async with AsyncOpenAI(base_url=address, api_key="any", max_retries=0) as openai:
        yield openai


async def speak(request: web.Request) -> web.StreamResponse:
    stream = web.StreamResponse(headers={"content-type": "text/event-stream"})
    await stream.prepare(request)
    for word in ("good", " day"):
        choice = {"index": 0, "delta": {"content": word}, "finish_reason": None}
        head = {"id": "1", "object": "chat.completion.chunk", "created": 1, "model": "large-model"}
        await stream.write(b"data: " + msgspec.json.encode(head | {"choices": [choice]}) + b"\n\n")
    if request.headers["x-request-id"] == "dies":
        assert request.transport is not None
        request.transport.abort()
    await stream.write(b"data: [DONE]\n\n")
    return stream


async def test_create_returns_the_upstreams_completion(openai: AsyncOpenAI) -> None:
    answer = await openai.chat.completions.create(model="auto", messages=MESSAGES)
    assert (answer.choices[0].message.content, answer.model) == ("good day", "large-model")


async def test_create_accepts_the_old_field_and_returns_the_decision(openai: AsyncOpenAI) -> None:
    field = {"nim-llm-router": {"policy": "task_router", "routing_strategy": "triton", "model": ""}}
    answer = await openai.chat.completions.with_raw_response.create(model="", messages=MESSAGES, extra_body=field)
    assert answer.headers["X-Chosen-Classifier"] == "Code"


async def test_a_stream_yields_its_text_and_ends(openai: AsyncOpenAI, upstream: Upstream) -> None:
    upstream.answer = speak
    stream = await openai.chat.completions.create(model="auto", messages=MESSAGES, stream=True)
    assert [chunk.choices[0].delta.content async for chunk in stream] == ["good", " day"]


async def test_a_broken_stream_raises(openai: AsyncOpenAI, upstream: Upstream) -> None:
    upstream.answer = speak
    headers = {"x-request-id": "dies"}
    stream = await openai.chat.completions.create(model="auto", messages=MESSAGES, stream=True, extra_headers=headers)
    words = []
    with pytest.raises(APIError, match="large"):
        words += [chunk.choices[0].delta.content async for chunk in stream]


async def test_models_are_listed(openai: AsyncOpenAI) -> None:
    assert [model.id async for model in openai.models.list()][:2] == ["auto", "task_router"]


@pytest.mark.parametrize(
    ("fields", "error"),
    [({"model": "gpt-nowhere"}, NotFoundError), ({"messages": []}, BadRequestError)],
    ids=["unknown model", "no messages"],
)
async def test_refusals_are_the_sdks_own_errors(
    openai: AsyncOpenAI, fields: dict[str, object], error: type[APIError]
) -> None:
    with pytest.raises(error):
        await openai.chat.completions.create(model="auto", messages=MESSAGES, extra_body=fields)


@pytest.mark.parametrize(
    ("status", "error", "code"),
    [
        (422, UnprocessableEntityError, "theirs"),
        (429, RateLimitError, "upstream_error"),
        (500, InternalServerError, "upstream_error"),
    ],
)
async def test_an_upstreams_errors_are_the_sdks_own(
    openai: AsyncOpenAI, upstream: Upstream, status: int, error: type[APIError], code: str
) -> None:
    async def fail(request: web.Request) -> web.StreamResponse:
        return web.json_response({"error": {"message": "no", "code": "theirs"}}, status=status)

    upstream.answer = fail
    with pytest.raises(error) as raised:
        await openai.chat.completions.create(model="auto", messages=MESSAGES)
    assert raised.value.code == code


async def test_the_synchronous_client_works_too(openai: AsyncOpenAI) -> None:
    def ask() -> str | None:
        with OpenAI(base_url=str(openai.base_url), api_key="any", max_retries=0) as client:
            return client.chat.completions.create(model="auto", messages=MESSAGES).choices[0].message.content

    assert await asyncio.to_thread(ask) == "good day"


async def test_tools_reach_the_upstream_and_its_call_comes_back(openai: AsyncOpenAI, upstream: Upstream) -> None:
    async def call(request: web.Request) -> web.StreamResponse:
        calls = [{"id": "1", "type": "function", "function": {"name": "clock", "arguments": "{}"}}]
        message = {"role": "assistant", "content": None, "tool_calls": calls}
        return web.json_response(
            {"id": "1", "choices": [{"index": 0, "message": message, "finish_reason": "tool_calls"}]}
        )

    upstream.answer = call
    answer = await openai.chat.completions.create(model="auto", messages=MESSAGES, tools=TOOLS, tool_choice="required")
    [called] = answer.choices[0].message.tool_calls or []
    assert called.to_dict()["function"] == {"name": "clock", "arguments": "{}"}
    assert (upstream.last["tools"], upstream.last["tool_choice"]) == (TOOLS, "required")


async def test_completions(openai: AsyncOpenAI, upstream: Upstream) -> None:
    async def complete(request: web.Request) -> web.StreamResponse:
        choice = {"index": 0, "text": "good day", "finish_reason": "stop"}
        return web.json_response({"id": "1", "object": "text_completion", "choices": [choice]})

    upstream.answer = complete
    answer = await openai.completions.create(model="auto", prompt="sort a list")
    assert (answer.choices[0].text, upstream.last["model"]) == ("good day", "large-model")


async def test_embeddings(openai: AsyncOpenAI, upstream: Upstream) -> None:
    async def embed(request: web.Request) -> web.StreamResponse:
        return web.json_response({"object": "list", "data": [{"index": 0, "embedding": [0.5]}]})

    upstream.answer = embed
    answer = await openai.embeddings.create(model="small-model", input="one", encoding_format="float")
    assert answer.data[0].embedding == [0.5]


async def respond(request: web.Request) -> web.StreamResponse:
    fields = msgspec.json.decode(await request.read())
    text = {"type": "output_text", "text": "good day", "annotations": []}
    message = {"id": "m", "type": "message", "role": "assistant", "status": "completed", "content": [text]}
    whole = {"id": "r", "object": "response", "model": fields["model"], "status": "completed", "output": [message]}
    if not fields.get("stream"):
        return web.json_response(whole)
    stream = web.StreamResponse(headers={"content-type": "text/event-stream"})
    await stream.prepare(request)
    delta = {"type": "response.output_text.delta", "item_id": "m", "output_index": 0, "content_index": 0}
    events = (delta | {"delta": "good day", "sequence_number": 1}, {"type": "response.completed", "response": whole})
    for event in events:
        await stream.write(f"event: {event['type']}\ndata: ".encode() + msgspec.json.encode(event) + b"\n\n")
        if request.headers["x-request-id"] == "dies":
            assert request.transport is not None
            request.transport.abort()
    return stream


async def test_responses(openai: AsyncOpenAI, upstream: Upstream) -> None:
    upstream.answer = respond
    answer = await openai.responses.create(model="auto", input="sort a list")
    assert (answer.output_text, answer.model) == ("good day", "large-model")
    stream = await openai.responses.create(model="auto", input="sort a list", stream=True)
    assert [event.type async for event in stream] == ["response.output_text.delta", "response.completed"]


async def test_broken_responses_raise(openai: AsyncOpenAI, upstream: Upstream) -> None:
    upstream.answer = respond
    headers = {"x-request-id": "dies"}
    stream = await openai.responses.create(model="auto", input="sort a list", stream=True, extra_headers=headers)
    with pytest.raises(APIError, match="large"):
        async for _ in stream:
            pass


async def test_responses_without_an_able_upstream_name_one_that_is_able(openai: AsyncOpenAI) -> None:
    with pytest.raises(BadRequestError, match="large"):
        await openai.responses.create(model="small", input="sort a list")


async def test_one_model_is_retrieved(openai: AsyncOpenAI) -> None:
    assert (await openai.models.retrieve("small-model")).owned_by == "small"
    with pytest.raises(NotFoundError):
        await openai.models.retrieve("nowhere")
