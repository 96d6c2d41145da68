"""The retry budget: limits retries to a share of all requests, so that they do not overload a slow upstream."""

import time
from collections.abc import Callable

MIN_PER_SECOND = 1
"""Retries a second that are always granted: a share of few requests would be less than one."""
MAX_SAVED = 10
"""Retries that can be saved up."""


class RetryBudget:
    """Limits retries of the same upstream. A fallback to another upstream costs nothing."""

    def __init__(self, share: float, clock: Callable[[], float] = time.monotonic) -> None:
        """`share`: retries that one request adds to the budget."""
        self._share = share
        self._clock = clock
        self._saved: float = MAX_SAVED
        self._since = clock()

    def earn(self) -> None:
        """Called for each request."""
        self._saved = min(MAX_SAVED, self._saved + self._share)

    def spend(self) -> bool:
        """Takes one retry from the budget; False when it is used up."""
        now = self._clock()
        self._saved = min(MAX_SAVED, self._saved + MIN_PER_SECOND * (now - self._since))
        self._since = now
        if self._saved < 1:
            return False
        self._saved -= 1
        return True
