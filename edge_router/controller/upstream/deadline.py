"""How long one task waits for each of many things, one after the other."""

import asyncio
import math
from types import TracebackType
from typing import Self


class DeadlineTimer:
    """`with patience.until(when): await ...` raises TimeoutError as `asyncio.timeout_at(when)` does. Its one timer is
    set again when it goes off, not for each wait: a stream waits twice a piece. `close` it in the end."""

    def __init__(self) -> None:
        """Of the task that runs."""
        task = asyncio.current_task()
        assert task is not None
        self._task = task
        self._loop = task.get_loop()
        self._timer: asyncio.TimerHandle | None = None
        self._until = math.inf
        self._cancelling = 0
        self._ended = False
        self.now = self._loop.time

    def until(self, when: float) -> Self:
        """`when`: by `now`, and finite."""
        self._until = when
        return self

    def __enter__(self) -> None:
        self._cancelling = self._task.cancelling()
        if self._timer is not None and self._timer.when() > self._until:
            self.close()
        if self._timer is None:
            self._timer = self._loop.call_at(self._until, self._look)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._until = math.inf
        if self._ended:
            self._ended = False
            if self._task.uncancel() <= self._cancelling and kind is asyncio.CancelledError:
                raise TimeoutError from error

    def close(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _look(self) -> None:
        self._timer = None
        if self._until <= self.now():
            self._ended = True
            self._task.cancel()
        elif self._until < math.inf:
            self._timer = self._loop.call_at(self._until, self._look)
