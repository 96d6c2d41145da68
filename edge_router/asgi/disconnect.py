"""Whether the client is still there."""

import asyncio
from types import TracebackType

from edge_router.asgi.types import Receive
from edge_router.errors import RequestError

GRACE_SECONDS = 0.05
"""Seconds. Most answers are there before it would pay to look."""


class ClientDisconnectedError(RequestError):
    """Nobody waits for the answer any more."""


class CancelOnDisconnect:
    """`async with WhileThere(receive):` cancels what runs inside when the client leaves, and raises ClientLeftError.

    The request's body must have been read.
    """

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._left = False
        self._watching: asyncio.Task[None] | None = None

    async def __aenter__(self) -> None:
        running = asyncio.current_task()
        assert running is not None
        self._running = running
        self._begin = running.get_loop().call_later(GRACE_SECONDS, self._watch)

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._begin.cancel()
        if self._watching:
            self._watching.cancel()
        if self._left and kind is asyncio.CancelledError and self._running.uncancel() == 0:
            raise ClientDisconnectedError("the client left before its answer was there")

    def _watch(self) -> None:
        self._watching = self._running.get_loop().create_task(self._wait())

    async def _wait(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass
        self._left = True
        self._running.cancel()
