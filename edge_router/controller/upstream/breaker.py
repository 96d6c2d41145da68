"""A circuit breaker: an upstream that fails several times in a row gets no requests for a while."""

import time
from collections.abc import Callable
from enum import StrEnum


class BreakerState(StrEnum):
    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


class CircuitBreaker:
    """Opens after `failures` in a row. After `seconds` it lets one request through as a probe, whose result decides."""

    def __init__(self, failures: int, seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._limit = failures
        self._seconds = seconds
        self._clock = clock
        self._failures = 0
        self._opened: float | None = None
        self._probing = False

    @property
    def state(self) -> BreakerState:
        if self._opened is None:
            return BreakerState.CLOSED
        return BreakerState.OPEN if self.retry_in > 0 else BreakerState.HALF_OPEN

    @property
    def retry_in(self) -> float:
        """Seconds until a request is let through; 0 when one may be sent now."""
        return 0 if self._opened is None else max(0, self._opened + self._seconds - self._clock())

    @property
    def admits(self) -> bool:
        return self._opened is None or (self.retry_in == 0 and not self._probing)

    def admit(self) -> bool:
        """Counts a request as begun. Returns True if the request is the probe.

        The caller then reports `response_started`, and `succeeded` or `failed`. A probe also needs `probe_ended`.
        """
        is_probe = self._opened is not None
        self._probing = self._probing or is_probe
        return is_probe

    def response_started(self) -> None:
        """Closes the breaker when the upstream begins to answer; one more failure opens it again."""
        if self._opened is not None:
            self._opened = None
            self._probing = False
            self._failures = self._limit - 1

    def succeeded(self) -> None:
        self._opened = None
        self._failures = 0

    def failed(self) -> None:
        self._failures += 1
        if self._failures >= self._limit and self.state != BreakerState.OPEN:
            self._opened = self._clock()

    def probe_ended(self) -> None:
        """Allows another probe when this one had no result."""
        self._probing = False
