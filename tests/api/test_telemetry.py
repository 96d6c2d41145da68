"""Log lines and metrics of requests over HTTP."""

import aiohttp
import pytest
from aiohttp import web
from structlog.testing import capture_logs

from tests.api.conftest import Upstream
from tests.support.controller import GivenClassifier

CHAT = "/v1/chat/completions"
BODY = {"model": "auto", "messages": [{"role": "user", "content": "sort a list"}]}
TRACEPARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


async def streamed(request: web.Request) -> web.StreamResponse:
    """Two words, then what was used, as `include_usage` has it."""
    stream = web.StreamResponse(headers={"content-type": "text/event-stream"})
    await stream.prepare(request)
    for word in ("good", " day"):
        content = f'{{"choices":[{{"index":0,"delta":{{"content":"{word}"}},"finish_reason":null}}]}}'
        await stream.write(f"data: {content}\n\n".encode())
    await stream.write(b'data: {"choices":[],"usage":{"prompt_tokens":7,"completion_tokens":2,"total_tokens":9}}\n\n')
    await stream.write(b"data: [DONE]\n\n")
    return stream


async def test_a_stream_is_one_line_and_counted_with_its_tokens(
    client: aiohttp.ClientSession, upstream: Upstream
) -> None:
    upstream.answer = streamed
    with capture_logs() as logs:
        async with client.post(CHAT, json=BODY | {"stream": True}, headers={"x-request-id": "req-1"}) as reply:
            assert (await reply.read()).endswith(b"data: [DONE]\n\n")
    [line] = [line for line in logs if line["event"] == "request"]
    told = (
        "request_id", "operation", "policy", "label", "source", "upstream", "model", "status", "outcome",
        "streamed",
    )  # fmt: skip
    assert [line[name] for name in told] == [
        "req-1", "chat", "task_router", "Code", "local", "large", "large-model", 200, "answered", True,
    ]  # fmt: skip
    assert (line["prompt_tokens"], line["completion_tokens"]) == (7, 2)
    assert 0 < line["answered_in"] <= line["first_content_in"] <= line["took"]
    async with client.get("/metrics") as reply:
        shown = (await reply.text()).splitlines()
    for sample in (
        "num_requests 1.0",
        'requests_per_model{model="Code"} 1.0',
        'llm_token_usage{category="total",llm_name="Code"} 9.0',
        'edge_router_requests_total{operation="chat",outcome="answered",status="2xx"} 1.0',
        'edge_router_tokens_total{kind="completion",upstream="large"} 2.0',
        'edge_router_upstream_up{upstream="large"} 1.0',
        'edge_router_upstream_running{upstream="large"} 0.0',
    ):
        assert sample in shown


async def test_a_refusal_is_a_line_with_the_name_of_its_error(client: aiohttp.ClientSession) -> None:
    with capture_logs() as logs:
        async with client.post(CHAT, data=b"[") as reply:
            assert reply.status == 400
    [line] = [line for line in logs if line["event"] == "request"]
    assert (line["status"], line["outcome"], line["error"]) == (400, "refused", "RequestError")


async def test_a_default_decision_is_counted(client: aiohttp.ClientSession, classifier: GivenClassifier) -> None:
    classifier.failure = RuntimeError("out of order")
    async with client.post(CHAT, json=BODY) as reply:
        assert reply.status == 200
    async with client.get("/metrics") as reply:
        shown = await reply.text()
    assert 'edge_router_decisions_total{source="default"} 1.0' in shown
    assert 'edge_router_degraded_total{source="default"} 1.0' in shown


async def test_the_clients_request_ids_reach_the_upstream(client: aiohttp.ClientSession, upstream: Upstream) -> None:
    headers = {"x-request-id": "req-2", "traceparent": TRACEPARENT, "tracestate": "a=b"}
    async with client.post(CHAT, json=BODY, headers=headers) as reply:
        assert reply.headers["x-request-id"] == "req-2"
    sent = upstream.requests[-1].headers
    assert {name: sent[name] for name in headers} == headers


@pytest.mark.parametrize("given", ["two words", "x" * 129])
async def test_an_unusable_request_id_is_replaced(
    client: aiohttp.ClientSession, upstream: Upstream, given: str
) -> None:
    async with client.post(CHAT, json=BODY, headers={"x-request-id": given}) as reply:
        named = reply.headers["x-request-id"]
    assert named != given
    assert upstream.requests[-1].headers["x-request-id"] == named


async def test_metrics_are_exposed_in_either_format(client: aiohttp.ClientSession) -> None:
    for accept, kind in (
        ("text/plain;version=0.0.4", "text/plain"),
        ("application/openmetrics-text;version=1.0.0", "application/openmetrics-text"),
    ):
        async with client.get("/metrics", headers={"accept": accept}) as reply:
            assert (reply.status, reply.content_type) == (200, kind)
