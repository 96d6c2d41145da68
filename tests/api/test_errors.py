"""Every error has OpenAI's error object, {"error": {"message", "type", "param", "code"}}, and says what to do."""

from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import msgspec
import pytest

from edge_router.controller.config import RouterConfig
from edge_router.controller.routing.router import Router
from tests.api.conftest import Upstream
from tests.support.controller import Control, GivenClassifier

CHAT = "/v1/chat/completions"
MESSAGES = [{"role": "user", "content": "sort a list"}]


async def fail(*given: object) -> None:
    raise RuntimeError("an unexpected failure")


async def refused(client: aiohttp.ClientSession, content: Any, path: str = CHAT) -> tuple[int, dict[str, Any]]:
    data = content if isinstance(content, bytes) else msgspec.json.encode(content)
    async with client.post(path, data=data) as reply:
        assert reply.content_type == "application/json"
        error: dict[str, Any] = (await reply.json())["error"]
    assert error.keys() == {"message", "type", "param", "code"}
    return reply.status, error


@pytest.mark.parametrize(
    ("content", "named"),
    [
        pytest.param(b"", "JSON", id="empty"),
        pytest.param(b"{", "JSON", id="cut JSON"),
        pytest.param(b"\xff", "JSON", id="not UTF-8"),
        pytest.param(b'{"messages": [{"content": "\\ud800"}]}', "JSON", id="lone surrogate escaped"),
        pytest.param(b'{"messages": [{"content": "\xed\xa0\x80"}]}', "JSON", id="lone surrogate encoded"),
        pytest.param(b'{"model": "auto", "messages": [NaN]}', "JSON", id="NaN"),
        pytest.param([], "object", id="a list"),
        pytest.param("text", "object", id="a string"),
        pytest.param({"model": "auto"}, "messages", id="no messages"),
        pytest.param({"model": "auto", "messages": []}, "messages", id="empty messages"),
        pytest.param({"model": "auto", "messages": "hello"}, "messages", id="messages a string"),
        pytest.param({"model": "auto", "messages": ["hello"]}, "messages", id="message a string"),
        pytest.param({"messages": MESSAGES}, "model", id="no model"),
        pytest.param({"model": "", "messages": MESSAGES}, "model", id="empty model"),
        pytest.param({"model": 7, "messages": MESSAGES}, "model", id="model a number"),
    ],
)
async def test_a_wrong_body_is_refused_by_the_name_of_what_is_wrong(
    client: aiohttp.ClientSession, upstream: Upstream, content: Any, named: str
) -> None:
    status, error = await refused(client, content)
    assert (status, error["type"]) == (400, "invalid_request_error")
    assert named in error["message"]
    assert upstream.requests == []


@pytest.mark.parametrize(
    ("field", "named"),
    [
        pytest.param("task_router", "nim-llm-router", id="a string"),
        pytest.param({}, "nim-llm-router.policy", id="empty"),
        pytest.param({"policy": 7}, "nim-llm-router.policy", id="policy a number"),
        pytest.param({"policy": "task_router", "routing_strategy": 7}, ".routing_strategy", id="strategy a number"),
        pytest.param({"policy": "task_router", "routing_strategy": "best"}, ".routing_strategy", id="unknown strategy"),
        pytest.param({"policy": "task_router", "routing_strategy": "manual"}, ".model", id="manual without model"),
        pytest.param({"policy": "task_router", "model": ["large"]}, ".model", id="model a list"),
    ],
)
async def test_a_wrong_router_field_is_refused_by_the_name_of_its_key(
    client: aiohttp.ClientSession, upstream: Upstream, field: Any, named: str
) -> None:
    status, error = await refused(client, {"messages": MESSAGES, "nim-llm-router": field})
    assert (status, error["type"]) == (400, "invalid_request_error")
    assert error["message"].startswith("nim-llm-router")
    assert named in error["message"]
    assert upstream.requests == []


@pytest.mark.parametrize(
    "fields",
    [
        {"model": "gpt-nowhere"},
        {"nim-llm-router": {"policy": "mood_router"}},
        {"nim-llm-router": {"policy": "task_router", "routing_strategy": "manual", "model": "gpt-nowhere"}},
    ],
    ids=["model", "policy", "manual model"],
)
async def test_a_name_that_is_not_served_is_not_found(
    client: aiohttp.ClientSession, upstream: Upstream, fields: dict[str, Any]
) -> None:
    status, error = await refused(client, {"messages": MESSAGES} | fields)
    code = "policy_not_found" if "mood_router" in error["message"] else "model_not_found"
    assert (status, error["type"], error["code"]) == (404, "not_found_error", code)
    assert "gpt-nowhere" in error["message"] or "mood_router" in error["message"]
    assert upstream.requests == []


@pytest.mark.parametrize("path", ["/chat", "/v1/complete", "/v1/chat"])
async def test_an_unknown_path_is_not_found(client: aiohttp.ClientSession, path: str) -> None:
    status, error = await refused(client, b"{}", path)
    assert (status, error["type"]) == (404, "not_found_error")
    assert path in error["message"]


async def test_a_wrong_method_names_the_right_one(client: aiohttp.ClientSession) -> None:
    async with client.get(CHAT) as reply:
        assert (reply.status, reply.headers["allow"]) == (405, "POST")
        assert (await reply.json())["error"]["type"] == "invalid_request_error"


@pytest.mark.parametrize("path", ["/v1/responses", "/responses"])
async def test_an_error_of_responses_has_one_form_wherever_it_is_raised(
    control: Control, routes: RouterConfig, path: str
) -> None:
    """A wrong method and a wrong Host are refused before the operation starts."""
    client = await control(routes, body_bytes=100)
    replies = [
        await client.post(path, data=b"{"),
        await client.post(path, data=b'{"model": "auto", "input": ""}' + b" " * 100),
        await client.get(path),
        await client.post(path, data=b"{}", headers={"host": "elsewhere.example"}),
        await client.post(f"{path}/1/cancel", data=b"{}"),
    ]
    assert [reply.status for reply in replies] == [400, 413, 405, 403, 404]
    for reply in replies:
        error = await reply.json()
        assert error.keys() == {"type", "error"}
        assert error["type"] == "error"
        assert error["error"].keys() == {"message", "type", "param", "code"}


@pytest.mark.parametrize("announced", [True, False])
async def test_a_body_over_the_limit_is_refused_and_one_at_the_limit_is_not(
    control: Control, routes: RouterConfig, upstream: Upstream, classifier: GivenClassifier, announced: bool
) -> None:
    content = msgspec.json.encode({"model": "auto", "messages": MESSAGES})

    async def in_pieces(content: bytes) -> AsyncIterator[bytes]:
        yield content[:10]
        yield content[10:]

    client = await control(routes, classifier, body_bytes=len(content))
    async with client.post(CHAT, data=content if announced else in_pieces(content)) as reply:
        assert (reply.status, len(upstream.requests)) == (200, 1)
    content += b" "
    async with client.post(CHAT, data=content if announced else in_pieces(content)) as reply:
        assert (reply.status, len(upstream.requests)) == (413, 1)
        assert "EDGE_ROUTER_BODY_BYTES" in (await reply.json())["error"]["message"]


async def test_a_body_nested_too_deep_is_a_client_error(client: aiohttp.ClientSession) -> None:
    deep = b"[" * 300 + b"]" * 300
    content = msgspec.json.encode({"model": "auto", "messages": MESSAGES})[:-1] + b', "x": ' + deep + b"}"
    async with client.post(CHAT, data=content) as reply:
        assert reply.status in (200, 400)


async def test_errors_carry_the_clients_request_id(client: aiohttp.ClientSession) -> None:
    async with client.post(CHAT, data=b"{", headers={"x-request-id": "mine-1"}) as reply:
        assert (reply.status, reply.headers["x-request-id"]) == (400, "mine-1")


async def test_a_failure_of_the_controller_is_an_openai_error_and_is_logged_by_its_request_id(
    client: aiohttp.ClientSession, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(Router, "plan", fail)
    async with client.post(
        CHAT, json={"model": "auto", "messages": MESSAGES}, headers={"x-request-id": "mine-1"}
    ) as reply:
        error = (await reply.json())["error"]
        assert (reply.status, error["type"]) == (500, "server_error")
        assert "unexpected failure" not in error["message"]
        assert reply.headers["x-request-id"] == "mine-1"
    lines = [line for line in capsys.readouterr().out.splitlines() if "mine-1" in line]
    assert any("RuntimeError" in line for line in lines)


async def test_the_controller_answers_on_after_a_failure_of_its_own(
    client: aiohttp.ClientSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as broken:
        broken.setattr(Router, "plan", fail)
        async with client.post(CHAT, json={"model": "auto", "messages": MESSAGES}) as reply:
            assert reply.status == 500
    async with client.post(CHAT, json={"model": "auto", "messages": MESSAGES}) as reply:
        assert reply.status == 200
