"""Failures of upstreams, and the failure that a status code means."""

import email.utils
import time
from collections.abc import Mapping, Sequence

from edge_router.errors import UnavailableError

CLIENT_STATUS: Mapping[int, int] = {408: 504, 429: 429, 503: 503, 504: 504, 529: 503}
"""The status for the client, by the upstream's status; 502 for any other failure."""
BUSY_SECONDS = 5
"""`retry-after` when an overloaded upstream does not say when."""
MAX_RETRY_AFTER_SECONDS = 3600


class UpstreamError(UnavailableError):
    """One attempt failed.

    `retryable`: the same upstream may answer the same request. `counts_as_failure`: the upstream failed, not the
    request; the circuit breaker counts it. `unreachable`: no response came at all.
    """

    code: str | None = "upstream_error"

    def __init__(
        self,
        upstream: str,
        reason: str,
        status: int = 502,
        retry_after: float | None = None,
        *,
        retryable: bool = True,
        counts_as_failure: bool = True,
        unreachable: bool = False,
    ) -> None:
        super().__init__(f"upstream {upstream!r} {reason}")
        self.upstream = upstream
        self.reason = reason
        self.status = status
        self.retry_after = retry_after
        self.retryable = retryable
        self.counts_as_failure = counts_as_failure
        self.unreachable = unreachable


class AllUpstreamsFailedError(UnavailableError):
    """None of the upstreams that may answer did."""

    code = "upstream_error"

    def __init__(self, failures: Sequence[UpstreamError]) -> None:
        reasons = "; ".join(dict.fromkeys(map(str, failures)))
        super().__init__(f"{reasons}; see /health/ready")
        self.status = failures[-1].status
        waits = [each.retry_after for each in failures if each.retry_after is not None]
        self.retry_after = min(waits, default=BUSY_SECONDS if self.status == 503 else None)


def error_from_status(upstream: str, status: int, headers: Mapping[str, str]) -> UpstreamError | None:
    """The failure that a response with this status means; None when the response is for the client."""
    if 300 <= status < 400:
        return UpstreamError(upstream, f"answered with a redirect ({status}), which is not followed", retryable=False)
    if status in (401, 403, 407):
        reason = f"refused its key ({status}); see upstreams.{upstream}.api_key"
        return UpstreamError(upstream, reason, retryable=False, counts_as_failure=False)
    if status >= 500 or status in CLIENT_STATUS:
        wait = retry_after(headers.get("retry-after", ""))
        counts = status not in (408, 429)
        return UpstreamError(
            upstream, f"answered {status}", CLIENT_STATUS.get(status, 502), wait, counts_as_failure=counts
        )
    return None


def retry_after(value: str) -> float | None:
    """Seconds of a `retry-after` header, which holds seconds or a date (RFC 9110, section 10.2.3); None if neither."""
    if value.isascii() and value.isdigit():
        return min(float(value[:9]), MAX_RETRY_AFTER_SECONDS)
    try:
        seconds = email.utils.parsedate_to_datetime(value).timestamp() - time.time()
    except (ValueError, OverflowError):
        return None
    return min(max(seconds, 0), MAX_RETRY_AFTER_SECONDS)
