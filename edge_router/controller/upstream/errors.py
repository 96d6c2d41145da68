"""Why an upstream did not answer."""

import email.utils
import time
from collections.abc import Mapping, Sequence

from edge_router.errors import UnavailableError

STATUSES: Mapping[int, int] = {408: 504, 429: 429, 503: 503, 504: 504, 529: 503}
"""What a client is told where the upstream said this; 502 for the rest."""
BUSY_SECONDS = 5
"""Until a retry where an upstream that is overloaded did not say when."""
LONGEST_SECONDS = 3600


class UpstreamError(UnavailableError):
    """One attempt failed, or all of them. `again`: the same upstream may answer the same request. `broken`: it failed,
    not the request. `unreachable`: nothing came back at all."""

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
    """Nobody of those who may answer did."""

    code = "upstream_error"

    def __init__(self, failures: Sequence[UpstreamError]) -> None:
        reasons = "; ".join(dict.fromkeys(map(str, failures)))
        super().__init__(f"{reasons}; see /health/ready")
        self.status = failures[-1].status
        waits = [each.retry_after for each in failures if each.retry_after is not None]
        self.retry_after = min(waits, default=BUSY_SECONDS if self.status == 503 else None)


def by_status(upstream: str, status: int, headers: Mapping[str, str]) -> UpstreamError | None:
    """What an answer with this status and these headers says of the upstream; None where it is the client's."""
    if 300 <= status < 400:
        return UpstreamError(upstream, f"answered with a redirect ({status}), which is not followed", retryable=False)
    if status in (401, 403, 407):
        reason = f"refused its key ({status}); see upstreams.{upstream}.api_key"
        return UpstreamError(upstream, reason, retryable=False, counts_as_failure=False)
    if status >= 500 or status in STATUSES:
        told = STATUSES.get(status, 502)
        wait = retry_after(headers.get("retry-after", ""))
        return UpstreamError(upstream, f"answered {status}", told, wait, counts_as_failure=status not in (408, 429))
    return None


def retry_after(value: str) -> float | None:
    """Seconds, from a number of them or a date (RFC 9110, section 10.2.3); None where it says neither."""
    if value.isascii() and value.isdigit():
        return min(float(value[:9]), LONGEST_SECONDS)
    try:
        seconds = email.utils.parsedate_to_datetime(value).timestamp() - time.time()
    except (ValueError, OverflowError):
        return None
    return min(max(seconds, 0), LONGEST_SECONDS)
