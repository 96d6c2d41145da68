"""The request's body, read up to a limit and up to a deadline."""

import asyncio
import contextlib
from collections.abc import Callable, Iterator
from typing import Self, TypeAlias

from edge_router.asgi.types import Receive, Scope
from edge_router.errors import RequestError, UnavailableError

PIECES = 16_384
"""A body in more pieces than this costs more to put together than to read."""


class TooLargeError(RequestError):
    status = 413

    @classmethod
    def beyond(cls, limit: int) -> Self:
        return cls(f"the body is larger than {limit} bytes; send less or raise EDGE_ROUTER_BODY_BYTES")


class TooSlowError(RequestError):
    status = 408


class BodyBudgetExceededError(UnavailableError):
    """The bodies of all requests together take the memory they may take."""


Take: TypeAlias = Callable[[int], None]
"""Called with the size of each piece that comes. Raises FullError."""


class BodyBudget:
    """What the bodies of all requests together may take."""

    def __init__(self, size: int) -> None:
        """`size` in bytes."""
        self._size = size
        self._taken = 0

    @contextlib.contextmanager
    def held(self) -> Iterator[Take]:
        """What is taken inside is given back at the end."""
        own = 0

        def take(size: int) -> None:
            nonlocal own
            if self._taken + size > self._size:
                raise BodyBudgetExceededError("too many large requests at once; try again later")
            self._taken += size
            own += size

        try:
            yield take
        finally:
            self._taken -= own


def _as_it_comes(size: int) -> None:
    """Without a room of its own a body is bounded by its limit alone."""


async def read_body(scope: Scope, receive: Receive, *, limit: int, seconds: float, take: Take = _as_it_comes) -> bytes:
    """Raises TooLargeError as soon as more than `limit` bytes are announced or have come, TooSlowError when the body is
    not complete after `seconds`, RequestError when the client left, FullError."""
    announced = dict(scope["headers"]).get(b"content-length", b"0")
    if announced.isdigit() and int(announced) > limit:
        raise TooLargeError.beyond(limit)
    try:
        async with asyncio.timeout(seconds):
            return await _read(receive, limit, take)
    except TimeoutError:
        raise TooSlowError(f"the body was not complete after {seconds:g} s") from None


async def _read(receive: Receive, limit: int, take: Take) -> bytes:
    parts: list[bytes] = []
    size = 0
    more = True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise RequestError("the client left before its request was complete")
        part = message.get("body", b"")
        size += len(part)
        if size > limit:
            raise TooLargeError.beyond(limit)
        take(len(part))
        parts.append(part)
        if len(parts) > PIECES:
            raise TooLargeError(f"the body comes in more than {PIECES} pieces; send it in larger ones")
        more = message.get("more_body", False)
    return parts[0] if len(parts) == 1 else b"".join(parts)
