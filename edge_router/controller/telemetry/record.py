"""The record of one request, for its log line, its metrics and its span. It holds no text of the request."""

import time
from dataclasses import dataclass, field

from edge_router.controller.api import Operation
from edge_router.controller.classifier import DecisionSource
from edge_router.controller.routing import Plan
from edge_router.controller.upstream import ForwardingReport, Outcome


@dataclass
class RequestRecord:
    """Filled by the exchange and reported once. Times are in seconds; None if the request ended earlier."""

    request_id: str
    operation: Operation
    received: float = field(default_factory=time.perf_counter)
    key: str | None = None
    """Name of the access key."""
    traceparent: str | None = None
    """The client's `traceparent` header; with traces, the span's, which the upstream gets."""
    span: object = None
    """OpenTelemetry's, with traces."""

    policy: str | None = None
    strategy: str | None = None
    label: str | None = None
    rule: str | None = None
    source: DecisionSource | None = None
    """None when the client named the model."""
    degraded: str | None = None
    classified_in: float | None = None

    upstream: str | None = None
    model: str | None = None
    attempts: int = 0
    fallback: str | None = None
    """The reason for a fallback: the first upstream and its failure."""
    queued_for: float | None = None
    answered_in: float | None = None
    """From `received` to the head of the answer."""
    first_content_in: float | None = None
    took: float | None = None
    streamed: bool = False
    status: int | None = None
    outcome: Outcome = Outcome.REFUSED
    error: str | None = None
    """Class name of the error."""
    prompt_tokens: int | None = None
    completion_tokens: int | None = None

    def add_plan(self, plan: Plan) -> None:
        self.policy = plan.policy
        self.strategy = plan.strategy
        self.label = plan.label
        self.rule = plan.rule
        self.source = plan.source
        self.degraded = plan.degraded
        self.classified_in = plan.classified_in

    def add_report(self, report: ForwardingReport) -> None:
        self.outcome = report.outcome
        self.attempts = report.attempts
        self.queued_for = report.queued_seconds
        self.upstream = report.upstream
        self.model = report.model
        self.fallback = report.fallback
        self.status = report.status
        self.streamed = report.streamed
        self.error = report.error
        self.prompt_tokens = report.usage.prompt
        self.completion_tokens = report.usage.completion
        if report.answered_at is not None:
            self.answered_in = self.first_content_in = report.answered_at - self.received
