"""A deadline timer for the many waits of one task."""

import asyncio
import math
from types import TracebackType
from typing import Self


class DeadlineTimer:
    """`with timer.until(when): await ...` raises TimeoutError as `asyncio.timeout_at(when)` does.

    The timer is set again when it fires, not for each wait: relaying a stream waits twice for each chunk. `close` it in
    the end.
    """

    def __init__(self) -> None:
        """Must be created in the task that waits."""
        task = asyncio.current_task()
        assert task is not None
        self._task = task
        self._loop = task.get_loop()
        self._handle: asyncio.TimerHandle | None = None
        self._deadline = math.inf
        self._cancelling = 0
        self._expired = False
        self.now = self._loop.time

    def until(self, when: float) -> Self:
        """`when`: a finite reading of `now`."""
        self._deadline = when
        return self

    def __enter__(self) -> None:
        self._cancelling = self._task.cancelling()
        if self._handle is not None and self._handle.when() > self._deadline:
            self.close()
        if self._handle is None:
            self._handle = self._loop.call_at(self._deadline, self._fire)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._deadline = math.inf
        if self._expired:
            self._expired = False
            if self._task.uncancel() <= self._cancelling and kind is asyncio.CancelledError:
                raise TimeoutError from error

    def close(self) -> None:
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None

    def _fire(self) -> None:
        self._handle = None
        if self._deadline <= self.now():
            self._expired = True
            self._task.cancel()
        elif self._deadline < math.inf:
            self._handle = self._loop.call_at(self._deadline, self._fire)
