"""One span for each request, by OpenTelemetry's conventions for generative AI:
https://opentelemetry.io/docs/specs/semconv/gen-ai.

Needs the extra `traces`. OpenTelemetry's variables (`OTEL_*`) configure export and sampling.
"""

import os

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import SERVICE_NAME, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import Span, SpanKind, StatusCode
from opentelemetry.trace.propagation import set_span_in_context
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from opentelemetry.util.types import AttributeValue

from edge_router import __version__
from edge_router.controller.api import OPERATIONS
from edge_router.controller.telemetry.record import RequestRecord
from edge_router.controller.upstream import Outcome

SERVICE = "edge-router-controller"
"""The service name, unless OTEL_SERVICE_NAME gives another."""

RECORD_ATTRIBUTES = (
    "request_id", "key", "policy", "strategy", "label", "rule", "source", "degraded", "classified_in", "upstream",
    "attempts", "fallback", "queued_for", "answered_in", "streamed", "outcome",
)  # fmt: skip
"""Fields of the record that become attributes `edge_router.*`."""


class Traces:
    """One span for each request."""

    def __init__(self) -> None:
        named = {} if "OTEL_SERVICE_NAME" in os.environ else {SERVICE_NAME: SERVICE}
        self._provider = TracerProvider(resource=Resource.create(named), shutdown_on_exit=False)
        self._provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
        self._tracer = self._provider.get_tracer("edge_router", __version__)
        self._propagator = TraceContextTextMapPropagator()

    def begin(self, record: RequestRecord) -> None:
        """Starts a span below the client's; the record's `traceparent` is that of the span from then on."""
        carrier = {} if record.traceparent is None else {"traceparent": record.traceparent}
        parent = self._propagator.extract(carrier)
        record.span = self._tracer.start_span(record.operation.value, parent, SpanKind.CLIENT)
        carrier = {}
        self._propagator.inject(carrier, set_span_in_context(record.span))
        record.traceparent = carrier.get("traceparent")

    def end(self, record: RequestRecord) -> None:
        span = record.span
        if not isinstance(span, Span):
            return
        if record.model is not None:
            span.update_name(f"{_operation(record)} {record.model}")
        span.set_attributes({name: value for name, value in _attributes(record).items() if value is not None})
        if record.outcome is not Outcome.ANSWERED:
            span.set_status(StatusCode.ERROR)
        span.end()

    def close(self) -> None:
        """Sends the remaining spans."""
        self._provider.shutdown()


def _operation(record: RequestRecord) -> str:
    return OPERATIONS[record.operation].span


def _attributes(record: RequestRecord) -> dict[str, AttributeValue | None]:
    return {
        "gen_ai.operation.name": _operation(record),
        "gen_ai.provider.name": record.upstream,
        "gen_ai.request.model": record.model,
        "gen_ai.usage.input_tokens": record.prompt_tokens,
        "gen_ai.usage.output_tokens": record.completion_tokens,
        "gen_ai.response.time_to_first_chunk": record.first_content_in if record.streamed else None,
        "http.response.status_code": record.status,
        "error.type": record.error or (None if record.outcome is Outcome.ANSWERED else record.outcome),
    } | {f"edge_router.{name}": getattr(record, name) for name in RECORD_ATTRIBUTES}
