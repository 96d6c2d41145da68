"""The same faults behind the whole controller: a client gets each error in the format of its API. No error, log line or
metric holds a prompt, a key, or an upstream's own message."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import msgspec
import pytest
from structlog.testing import capture_logs

from edge_router.controller.config import RouterConfig
from edge_router.controller.upstream import forwarding
from tests.faults.conftest import DEADLINE, QUICK
from tests.faults.test_before_the_first_byte import CASES, Case
from tests.faults.test_mid_stream import BROKEN, Broken
from tests.faults.upstream import FaultyUpstream
from tests.support.controller import GivenClassifier, controllers

PROMPT = "CANARY: what is a heron?"
REQUESTS: dict[str, dict[str, Any]] = {
    "/v1/chat/completions": {"messages": [{"role": "user", "content": PROMPT}]},
    "/v1/messages": {"messages": [{"role": "user", "content": PROMPT}], "max_tokens": 9},
    "/api/chat": {"messages": [{"role": "user", "content": PROMPT}]},
}


@pytest.fixture
async def client(upstream: FaultyUpstream, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[aiohttp.ClientSession]:
    monkeypatch.setattr(forwarding, "PAUSE_SECONDS", 0.01)
    monkeypatch.setenv("CANARY_KEY", "sk-CANARY")
    speaks = ["chat", "messages", "ollama_chat"]
    url = f"http://127.0.0.1:{upstream.port}/v1"
    first = {"kind": "ollama", "url": url, "model": "m", "speaks": speaks, "api_key": {"env": "CANARY_KEY"}}
    routes = RouterConfig.model_validate(
        {"upstreams": {"first": first}, "default": "first", "policies": {"task_router": {}}}
    )
    async with controllers() as start:
        yield await start(routes, GivenClassifier(), breaker_failures=100, **QUICK)


def error_message(path: str, content: bytes) -> str:
    """The message of an error, which must have the format of the path's API."""
    body = msgspec.json.decode(content)
    if path.startswith("/api/"):
        [message] = body.values()
    elif path == "/v1/messages":
        assert (body["type"], set(body["error"]) >= {"type", "message"}) == ("error", True)
        message = body["error"]["message"]
    else:
        assert set(body["error"]) == {"message", "type", "param", "code"}
        message = body["error"]["message"]
    return str(message)


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
@pytest.mark.parametrize("path", REQUESTS)
async def test_a_fault_before_the_first_byte(
    client: aiohttp.ClientSession, upstream: FaultyUpstream, case: Case, path: str
) -> None:
    for stream in (False, True):
        upstream.script = case.script
        with capture_logs() as lines:
            async with (
                asyncio.timeout(DEADLINE),
                client.post(path, json=REQUESTS[path] | {"model": "first", "stream": stream}) as answer,
            ):
                content = await answer.read()
        assert answer.status == case.status, content
        assert error_message(path, content).startswith("upstream 'first' ")
        assert "x-request-id" in answer.headers
        assert b"CANARY" not in content
        assert "CANARY" not in str(lines)
    async with client.get("/metrics") as metrics:
        assert b"CANARY" not in await metrics.read()


@pytest.mark.parametrize("case", BROKEN, ids=[case.name for case in BROKEN])
async def test_a_fault_in_the_stream(client: aiohttp.ClientSession, upstream: FaultyUpstream, case: Broken) -> None:
    upstream.script = case.script
    body = REQUESTS["/v1/chat/completions"] | {"model": "first", "stream": True}
    with capture_logs() as lines:
        async with asyncio.timeout(DEADLINE), client.post("/v1/chat/completions", json=body) as answer:
            content = await answer.read()
    assert content.startswith(case.sent)
    [error] = content.removeprefix(case.sent).strip().splitlines()
    assert error_message("/v1/chat/completions", error.removeprefix(b"data: ")).startswith("upstream 'first' ")
    assert "CANARY" not in str(lines)
