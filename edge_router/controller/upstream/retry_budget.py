"""How often the same upstream may be asked again: retries of everybody must not bury what is struggling already."""

import time
from collections.abc import Callable

FLOOR = 1
"""Retries a second that are granted in any case: with few requests a share of them is nothing."""
SAVED = 10
"""Retries that can be saved up."""


class RetryBudget:
    def __init__(self, share: float, clock: Callable[[], float] = time.monotonic) -> None:
        """`share`: retries a request earns."""
        self._share = share
        self._clock = clock
        self._saved: float = SAVED
        self._since = clock()

    def earn(self) -> None:
        """A request came."""
        self._saved = min(SAVED, self._saved + self._share)

    def spend(self) -> bool:
        """Whether one more retry is within the budget."""
        now = self._clock()
        self._saved = min(SAVED, self._saved + FLOOR * (now - self._since))
        self._since = now
        if self._saved < 1:
            return False
        self._saved -= 1
        return True
