"""What is known of one request, for its log line, its metrics and its trace. Never what it says."""

import time
from dataclasses import dataclass, field

from edge_router.controller.api import Operation


@dataclass
class RequestRecord:
    """Filled on the way, reported once at the end (`signals.report`). Times are seconds; None: did not come to it."""

    request_id: str
    operation: Operation
    received: float = field(default_factory=time.perf_counter)
    key: str | None = None
    """Name of the access key."""
    traceparent: str | None = None
    """Of the request above: the client's, then ours, which an upstream is sent."""
    span: object = None
    """Ours, where traces are sent."""

    policy: str | None = None
    strategy: str | None = None
    label: str | None = None
    rule: str | None = None
    source: str | None = None
    """Who decided: see `classification`. None where the client named the model."""
    degraded: str | None = None
    classified_in: float | None = None

    upstream: str | None = None
    model: str | None = None
    attempts: int = 0
    fallback: str | None = None
    """Why the first choice did not answer."""
    queued_for: float | None = None
    answered_in: float | None = None
    """From `received` to the head of the answer that was passed on."""
    first_content_in: float | None = None
    took: float | None = None
    streamed: bool = False
    status: int | None = None
    outcome: str = "refused"
    """answered, refused, client left, upstream failed, broke off."""
    error: str | None = None
    """Name of the error's class."""
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
