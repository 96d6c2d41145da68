"""What became of one request at the upstreams."""

from dataclasses import dataclass, field
from enum import StrEnum

from edge_router.controller.upstream.usage import TokenUsage


class Outcome(StrEnum):
    """The end of a request; the same word stands in the log, the metrics and the trace."""

    ANSWERED = "answered"
    """The client has a whole answer of an upstream, which may be the upstream's refusal."""
    REFUSED = "refused"
    """The router refused the request."""
    UPSTREAM_FAILED = "upstream_failed"
    """No upstream answered."""
    STREAM_INTERRUPTED = "stream_interrupted"
    """The upstream failed in the middle of its answer."""
    CLIENT_DISCONNECTED = "client_disconnected"


@dataclass
class ForwardingReport:
    """Filled while a request is forwarded. It holds what is known at any time, also when an error ends the request."""

    outcome: Outcome = Outcome.REFUSED
    attempts: int = 0
    queued_seconds: float | None = None
    """None when the request never had to wait for a slot."""
    upstream: str | None = None
    model: str | None = None
    fallback: str | None = None
    """Why the first upstream did not answer."""
    status: int | None = None
    answered_at: float | None = None
    """Reading of `time.perf_counter` when the response head was sent to the client."""
    streamed: bool = False
    usage: TokenUsage = field(default_factory=TokenUsage)
    error: str | None = None
    """Class name of the error that interrupted a started answer."""
