"""A concurrency limit with a bounded queue, first come first served."""

import asyncio
from collections import deque


class QueueFullError(Exception):
    """The queue is full."""


class ConcurrencyLimiter:
    """Lets `concurrency` requests run and `queue` requests wait. Each `acquire` needs a `release`."""

    def __init__(self, concurrency: int, queue: int) -> None:
        self._concurrency = concurrency
        self._queue = queue
        self._waiting: deque[asyncio.Future[None]] = deque()
        self.running = 0

    @property
    def waiting(self) -> int:
        return len(self._waiting)

    @property
    def is_free(self) -> bool:
        return self.running < self._concurrency

    async def acquire(self, seconds: float) -> None:
        """Raises QueueFullError at once, TimeoutError after `seconds` in the queue. Cancellation leaves the queue."""
        if self.is_free:
            self.running += 1
            return
        if len(self._waiting) >= self._queue:
            raise QueueFullError
        granted = asyncio.get_running_loop().create_future()
        self._waiting.append(granted)
        try:
            async with asyncio.timeout(seconds):
                await granted
        except BaseException:
            if granted.done() and not granted.cancelled():
                self.release()  # granted just when the wait ended
            else:
                self._waiting.remove(granted)
            raise

    def release(self) -> None:
        """Passes the slot to the request that has waited longest, so that a new request cannot overtake it."""
        while self._waiting:
            granted = self._waiting.popleft()
            if not granted.done():
                granted.set_result(None)
                return
        self.running -= 1
