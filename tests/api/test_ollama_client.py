"""Ollama's own client works with the controller, before an Ollama upstream and before an OpenAI upstream."""

from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import msgspec
import pytest
from aiohttp import web
from ollama import AsyncClient, ResponseError

from edge_router.controller.config import RouterConfig
from tests.api.conftest import Upstream

MESSAGES = [{"role": "user", "content": "sort a list"}]
WORDS = ("good", " day")


async def openai(request: web.Request) -> web.StreamResponse:
    """A model behind OpenAI's API."""
    fields = msgspec.json.decode(await request.read())
    if request.path.endswith("/embeddings"):
        texts = fields["input"] if isinstance(fields["input"], list) else [fields["input"]]
        data = [{"index": at, "embedding": [at, 0.5]} for at, _ in enumerate(texts)]
        return web.json_response({"data": data, "model": fields["model"], "usage": {"prompt_tokens": 2}})
    if not fields.get("stream"):
        choice = {"index": 0, "message": {"role": "assistant", "content": "good day"}, "finish_reason": "stop"}
        return web.json_response({"model": fields["model"], "choices": [choice], "usage": {"completion_tokens": 2}})
    stream = web.StreamResponse(headers={"content-type": "text/event-stream"})
    await stream.prepare(request)
    for delta, reason in [*(({"content": word}, None) for word in WORDS), ({}, "stop")]:
        choice = {"index": 0, "delta": delta, "finish_reason": reason}
        await stream.write(b"data: " + msgspec.json.encode({"model": fields["model"], "choices": [choice]}) + b"\n\n")
    if request.headers["x-request-id"] == "dies":
        assert request.transport is not None
        request.transport.abort()
    await stream.write(b'data: {"choices": [], "usage": {"prompt_tokens": 3, "completion_tokens": 2}}\n\n')
    await stream.write(b"data: [DONE]\n\n")
    return stream


async def native(request: web.Request) -> web.StreamResponse:
    """An Ollama."""
    fields = msgspec.json.decode(await request.read())
    head = {"model": fields["model"], "created_at": "2026-01-01T00:00:00Z"}
    if request.path == "/api/embed":
        return web.json_response(head | {"embeddings": [[0.5]]})
    if fields.get("stream") is False:
        return web.json_response(head | {"message": {"role": "assistant", "content": "good day"}, "done": True})
    stream = web.StreamResponse(headers={"content-type": "application/x-ndjson"})
    await stream.prepare(request)
    for word in WORDS:
        await stream.write(
            msgspec.json.encode(head | {"message": {"role": "assistant", "content": word}, "done": False}) + b"\n"
        )
    await stream.write(
        msgspec.json.encode(head | {"message": {"role": "assistant", "content": ""}, "done": True}) + b"\n"
    )
    return stream


@pytest.fixture(params=["openai", "ollama"])
def routes(request: pytest.FixtureRequest, routes: RouterConfig, upstream: Upstream) -> RouterConfig:
    """The upstreams speak either API."""
    upstream.answer = native if request.param == "ollama" else openai
    written: dict[str, Any] = routes.model_dump(mode="json", exclude_unset=True)
    for each in written["upstreams"].values():
        each["kind"] = request.param
    return RouterConfig.model_validate(written)


@pytest.fixture
async def ollama(client: aiohttp.ClientSession) -> AsyncIterator[AsyncClient]:
    async with client.get("/health") as reply:
        address = str(reply.url.origin())
    ollama = AsyncClient(host=address)
    yield ollama
    await ollama._client.aclose()


async def test_chat(ollama: AsyncClient, upstream: Upstream) -> None:
    answer = await ollama.chat(model="auto:latest", messages=MESSAGES)
    assert answer.message.content == "good day"
    assert answer.done
    assert upstream.last["model"] == "large-model"


async def test_chat_streams(ollama: AsyncClient) -> None:
    stream = await ollama.chat(model="auto", messages=MESSAGES, stream=True)
    parts = [part async for part in stream]
    assert [part.message.content for part in parts] == [*WORDS, ""]
    assert [part.done for part in parts] == [False, False, True]


async def test_a_model_of_an_upstream_is_asked_by_its_name(ollama: AsyncClient, upstream: Upstream) -> None:
    await ollama.chat(model="small-model", messages=MESSAGES)
    assert upstream.last["model"] == "small-model"


async def test_embed(ollama: AsyncClient) -> None:
    answer = await ollama.embed(model="small-model", input="one")
    assert len(answer.embeddings) == 1


async def test_models_are_listed_and_shown(ollama: AsyncClient) -> None:
    listed = [model.model for model in (await ollama.list()).models]
    assert listed == [
        "auto:latest",
        "task_router:latest",
        "complexity_router:latest",
        "small-model:latest",
        "large-model:latest",
    ]
    for name in listed:
        shown = await ollama.show(name or "")
        assert "completion" in (shown.capabilities or [])
    assert (await ollama.ps()).models == []


async def test_what_would_change_the_models_is_refused(ollama: AsyncClient, upstream: Upstream) -> None:
    for refused in (
        ollama.pull("qwen3:0.6b"),
        ollama.delete("small-model"),
        ollama.copy("small-model", "other"),
        ollama.create("other", from_="small-model"),
        ollama.push("small-model"),
    ):
        with pytest.raises(ResponseError, match="not managed at this address") as raised:
            await refused
        assert raised.value.status_code == 403
    assert upstream.requests == []


async def test_errors_are_the_clients_own(ollama: AsyncClient) -> None:
    with pytest.raises(ResponseError, match="elsewhere") as raised:
        await ollama.chat(model="elsewhere", messages=MESSAGES)
    assert raised.value.status_code == 404
    with pytest.raises(ResponseError, match="/v1/models") as raised:
        await ollama.show("elsewhere")
    assert raised.value.status_code == 404


@pytest.mark.parametrize("routes", ["openai"], indirect=True)
class TestTranslated:
    """Before an upstream that speaks OpenAI alone."""

    async def test_counts_and_done_reason_are_kept(self, ollama: AsyncClient) -> None:
        parts = [part async for part in await ollama.chat(model="auto", messages=MESSAGES, stream=True)]
        assert (parts[-1].done_reason, parts[-1].prompt_eval_count, parts[-1].eval_count) == ("stop", 3, 2)

    async def test_generate(self, ollama: AsyncClient, upstream: Upstream) -> None:
        answer = await ollama.generate(model="auto", prompt="sort a list", system="be brief")
        assert answer.response == "good day"
        assert [message["role"] for message in upstream.last["messages"]] == ["system", "user"]
        parts = [part async for part in await ollama.generate(model="auto", prompt="sort a list", stream=True)]
        assert [part.response for part in parts] == [*WORDS, ""]

    async def test_embeddings_of_several_texts_and_of_one(self, ollama: AsyncClient) -> None:
        assert (await ollama.embed(model="small-model", input=["one", "two"])).embeddings == [[0, 0.5], [1, 0.5]]
        assert (await ollama.embeddings(model="small-model", prompt="one")).embedding == [0, 0.5]

    async def test_a_prompt_that_is_not_a_chat_is_refused(self, ollama: AsyncClient, upstream: Upstream) -> None:
        with pytest.raises(ResponseError, match="ollama_generate") as raised:
            await ollama.generate(model="auto", prompt="sort a list", raw=True)
        assert raised.value.status_code == 400
        assert upstream.requests == []

    async def test_an_upstreams_refusal_has_ollamas_error_format(self, ollama: AsyncClient, upstream: Upstream) -> None:
        async def refuse(request: web.Request) -> web.StreamResponse:
            return web.json_response({"error": {"message": "no tools here", "type": "x"}}, status=400)

        upstream.answer = refuse
        with pytest.raises(ResponseError) as raised:
            await ollama.chat(model="auto", messages=MESSAGES)
        assert raised.value.status_code == 400
        assert isinstance(raised.value.error, str)

    async def test_a_broken_stream_ends_with_one_error(
        self, client: aiohttp.ClientSession, ollama: AsyncClient
    ) -> None:
        body = {"model": "auto", "messages": MESSAGES}
        async with client.post("/api/chat", json=body, headers={"x-request-id": "dies"}) as reply:
            assert reply.content_type == "application/x-ndjson"
            lines = [msgspec.json.decode(line) for line in (await reply.read()).splitlines()]
        assert [line["message"]["content"] for line in lines[:-1]] == list(WORDS)
        assert lines[-1].keys() == {"error"}
