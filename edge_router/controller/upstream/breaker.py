"""An upstream that fails again and again is left alone for a while."""

import time
from collections.abc import Callable
from enum import StrEnum


class BreakerState(StrEnum):
    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


class CircuitBreaker:
    """Opens after `failures` in a row; after `seconds` one request is let through, and its fate decides."""

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
        """Seconds until a request is let through again; 0 where one may be now."""
        return 0 if self._opened is None else max(0, self._opened + self._seconds - self._clock())

    @property
    def admits(self) -> bool:
        return self._opened is None or (self.retry_in == 0 and not self._probing)

    def enter(self) -> bool:
        """A request that was admitted begins; whether it is the probe. What becomes of it is told by `began`,
        `succeeded` and `failed`, and of a probe in any case by `left`."""
        probe = self._opened is not None
        self._probing = self._probing or probe
        return probe

    def began(self) -> None:
        """It answers. A probe has told enough, but the next failure opens again."""
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

    def left(self) -> None:
        """A probe that told nothing makes room for another."""
        self._probing = False
