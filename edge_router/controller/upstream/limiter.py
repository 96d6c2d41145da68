"""How many requests an upstream is sent at once, and who waits for it."""

import asyncio
from collections import deque


class QueueFullError(Exception):
    """As many wait as may."""


class ConcurrencyLimiter:
    """First come, first served. Who entered must leave."""

    def __init__(self, concurrency: int, queue: int) -> None:
        self._concurrency = concurrency
        self._queue = queue
        self._waiting: deque[asyncio.Future[None]] = deque()
        self.running = 0

    @property
    def waiting(self) -> int:
        return len(self._waiting)

    @property
    def free(self) -> bool:
        return self.running < self._concurrency

    async def enter(self, seconds: float) -> None:
        """Raises FullError at once, TimeoutError after `seconds` in the queue. Cancelling this leaves the queue."""
        if self.free:
            self.running += 1
            return
        if len(self._waiting) >= self._queue:
            raise QueueFullError
        turn = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        try:
            async with asyncio.timeout(seconds):
                await turn
        except BaseException:
            if turn.done() and not turn.cancelled():
                self.leave()  # the place was given just when nobody wanted it any more
            else:
                self._waiting.remove(turn)
            raise

    def leave(self) -> None:
        """The place goes to who waits longest: a newcomer cannot overtake."""
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                return
        self.running -= 1
