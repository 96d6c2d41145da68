"""The log line and the span of a request: their fields, and what they must not hold."""

import asyncio
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import pytest
from aiohttp import web
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status
from structlog.testing import capture_logs

from edge_router.controller.telemetry import telemetry
from edge_router.controller.telemetry.telemetry import Telemetry
from edge_router.errors import ConfigError
from tests.unit.controller.telemetry.conftest import answered, refused

TRACE, PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"


@dataclass
class Collector:
    """An OTLP receiver."""

    url: str = ""
    received: asyncio.Queue[bytes] = field(default_factory=asyncio.Queue)

    async def receive(self, request: web.Request) -> web.Response:
        self.received.put_nowait(await request.read())
        return web.Response()

    async def span(self) -> Span:
        [resource] = ExportTraceServiceRequest.FromString(await self.received.get()).resource_spans
        [scope] = resource.scope_spans
        [span] = scope.spans
        return span


@pytest.fixture
async def collector() -> AsyncIterator[Collector]:
    collector = Collector()
    application = web.Application()
    application.router.add_post("/v1/traces", collector.receive)
    runner = web.AppRunner(application)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    collector.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield collector
    await runner.cleanup()


@pytest.fixture(autouse=True)
def _no_traces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(telemetry.TRACES_VARIABLE, raising=False)


@pytest.fixture
def tracing(monkeypatch: pytest.MonkeyPatch, collector: Collector) -> Telemetry:
    monkeypatch.setenv(telemetry.TRACES_VARIABLE, collector.url)
    return Telemetry(dict)


def test_a_request_is_one_log_line_of_its_known_fields() -> None:
    with capture_logs() as logs:
        Telemetry(dict).report(refused(traceparent="canary", key="phone"))
    [line] = logs
    assert {name: line[name] for name in ("event", "request_id", "operation", "status", "error", "key", "took")} == {
        "event": "request",
        "request_id": "def",
        "operation": "chat",
        "status": 400,
        "error": "RequestError",
        "key": "phone",
        "took": 0.001,
    }
    assert "upstream" not in line
    assert "canary" not in str(line)


def test_without_traces_the_upstream_gets_the_clients_traceparent() -> None:
    record = answered(traceparent=f"00-{TRACE}-{PARENT}-01")
    Telemetry(dict).begin(record)
    assert record.traceparent == f"00-{TRACE}-{PARENT}-01"


async def test_a_span_is_the_child_of_the_clients_and_the_parent_of_the_upstreams(
    tracing: Telemetry, collector: Collector
) -> None:
    record = answered(traceparent=f"00-{TRACE}-{PARENT}-01")
    tracing.begin(record)
    sent = record.traceparent
    tracing.report(record)
    await tracing.close()
    span = await collector.span()
    assert (span.trace_id.hex(), span.parent_span_id.hex()) == (TRACE, PARENT)
    assert sent == f"00-{TRACE}-{span.span_id.hex()}-01"


async def test_a_span_holds_the_decision_and_the_usage(tracing: Telemetry, collector: Collector) -> None:
    record = answered()
    tracing.begin(record)
    tracing.report(record)
    await tracing.close()
    span = await collector.span()
    attributes = {each.key: each.value for each in span.attributes}
    assert span.name == "chat large-model"
    assert attributes["gen_ai.operation.name"].string_value == "chat"
    assert attributes["gen_ai.request.model"].string_value == "large-model"
    assert attributes["gen_ai.usage.input_tokens"].int_value == 12
    assert attributes["gen_ai.usage.output_tokens"].int_value == 40
    assert attributes["edge_router.label"].string_value == "Code"
    assert span.status.code == Status.STATUS_CODE_UNSET


@pytest.mark.parametrize("traceparent", [None, "canary", f"00-{TRACE}-canary-01"])
async def test_a_refused_request_is_an_error_and_repeats_no_word_of_the_client(
    tracing: Telemetry, collector: Collector, traceparent: str | None
) -> None:
    record = refused(traceparent=traceparent)
    tracing.begin(record)
    tracing.report(record)
    await tracing.close()
    span = await collector.span()
    assert span.status.code == Status.STATUS_CODE_ERROR
    assert {each.key: each.value.string_value for each in span.attributes}["error.type"] == "RequestError"
    assert "canary" not in str(span)
    assert "canary" not in str(record.traceparent)


def test_traces_without_their_extra_are_refused_by_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(telemetry.TRACES_VARIABLE, "http://127.0.0.1:9")
    monkeypatch.setitem(sys.modules, "edge_router.controller.telemetry.traces", None)
    with pytest.raises(ConfigError, match=r"edge-llm-router\[traces\]"):
        Telemetry(dict)
