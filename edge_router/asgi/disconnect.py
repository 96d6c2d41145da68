"""Cancels the work on a request when its client disconnects."""

import asyncio
from types import TracebackType

from edge_router.asgi.types import Receive
from edge_router.errors import RequestError

WATCH_AFTER_SECONDS = 0.05
"""Delay before the connection is watched: most responses are complete by then and need no watch."""


class ClientDisconnectedError(RequestError):
    """The client disconnected before its response was complete."""


class CancelOnDisconnect:
    """`async with CancelOnDisconnect(receive):` cancels the block when the client disconnects, and raises
    ClientDisconnectedError.

    The request's body must have been read.
    """

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._disconnected = False
        self._watcher: asyncio.Task[None] | None = None

    async def __aenter__(self) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._task = task
        self._timer = task.get_loop().call_later(WATCH_AFTER_SECONDS, self._start_watcher)

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._timer.cancel()
        if self._watcher:
            self._watcher.cancel()
        if self._disconnected and kind is asyncio.CancelledError and self._task.uncancel() == 0:
            raise ClientDisconnectedError("the client disconnected before its response was complete")

    def _start_watcher(self) -> None:
        self._watcher = self._task.get_loop().create_task(self._watch())

    async def _watch(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass
        self._disconnected = True
        self._task.cancel()
