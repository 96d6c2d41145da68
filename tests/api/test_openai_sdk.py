"""The official client works against the controller as against OpenAI."""

from collections.abc import AsyncIterator

import aiohttp
import orjson
import pytest
from aiohttp import web
from openai import APIError, AsyncOpenAI, BadRequestError, InternalServerError, NotFoundError, RateLimitError
from openai.types.chat import ChatCompletionUserMessageParam

from tests.api.conftest import Upstream

MESSAGES: list[ChatCompletionUserMessageParam] = [{"role": "user", "content": "sort a list"}]


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
        await stream.write(b"data: " + orjson.dumps(head | {"choices": [choice]}) + b"\n\n")
    if request.headers["x-request-id"] == "dies":
        assert request.transport is not None
        request.transport.abort()
    await stream.write(b"data: [DONE]\n\n")
    return stream


async def test_create_returns_the_upstreams_completion(openai: AsyncOpenAI) -> None:
    answer = await openai.chat.completions.create(model="auto", messages=MESSAGES)
    assert (answer.choices[0].message.content, answer.model) == ("good day", "large-model")


async def test_create_takes_the_old_field_and_gives_the_decision(openai: AsyncOpenAI) -> None:
    field = {"nim-llm-router": {"policy": "task_router", "routing_strategy": "triton", "model": ""}}
    answer = await openai.chat.completions.with_raw_response.create(model="", messages=MESSAGES, extra_body=field)
    assert answer.headers["X-Chosen-Classifier"] == "Code"


async def test_a_stream_gives_its_words_and_ends(openai: AsyncOpenAI, upstream: Upstream) -> None:
    upstream.answer = speak
    stream = await openai.chat.completions.create(model="auto", messages=MESSAGES, stream=True)
    assert [chunk.choices[0].delta.content async for chunk in stream] == ["good", " day"]


async def test_a_stream_that_breaks_off_raises(openai: AsyncOpenAI, upstream: Upstream) -> None:
    upstream.answer = speak
    headers = {"x-request-id": "dies"}
    stream = await openai.chat.completions.create(model="auto", messages=MESSAGES, stream=True, extra_headers=headers)
    words = []
    with pytest.raises(APIError, match="'large' cannot be reached or broke off"):
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


@pytest.mark.parametrize(("status", "error"), [(429, RateLimitError), (500, InternalServerError)])
async def test_an_upstreams_errors_are_the_sdks_own(
    openai: AsyncOpenAI, upstream: Upstream, status: int, error: type[APIError]
) -> None:
    async def fail(request: web.Request) -> web.StreamResponse:
        return web.json_response({"error": {"message": "no", "code": "theirs"}}, status=status)

    upstream.answer = fail
    with pytest.raises(error) as raised:
        await openai.chat.completions.create(model="auto", messages=MESSAGES)
    assert raised.value.code == "theirs"
