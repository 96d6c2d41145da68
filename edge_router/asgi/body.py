"""Reads a request's body within a size limit, a deadline and a memory budget."""

import asyncio
import contextlib
from collections.abc import Callable, Iterator
from typing import Self, TypeAlias

from edge_router.asgi.types import Receive, Scope
from edge_router.errors import RequestError, UnavailableError

MAX_CHUNKS = 16_384
"""A body in more chunks than this costs more to join than to read."""


class BodyTooLargeError(RequestError):
    """The body is larger than its limit."""

    status = 413

    @classmethod
    def beyond(cls, limit: int) -> Self:
        return cls(f"the body is larger than {limit} bytes; send less or raise EDGE_ROUTER_BODY_BYTES")


class BodyTimeoutError(RequestError):
    """The body is not complete at its deadline."""

    status = 408


class BodyBudgetExceededError(UnavailableError):
    """The bodies of all requests together have used up their memory budget."""


Reserve: TypeAlias = Callable[[int], None]
"""Reserves memory for a chunk of a body, in bytes. Raises BodyBudgetExceededError."""


class BodyBudget:
    """Memory that the bodies of all requests may take together."""

    def __init__(self, size: int) -> None:
        """`size` in bytes."""
        self._size = size
        self._reserved = 0

    @contextlib.contextmanager
    def reservation(self) -> Iterator[Reserve]:
        """Yields a function that reserves memory; all of it is released at the end of the block."""
        own = 0

        def reserve(size: int) -> None:
            nonlocal own
            if self._reserved + size > self._size:
                raise BodyBudgetExceededError("too many large requests at once; try again later")
            self._reserved += size
            own += size

        try:
            yield reserve
        finally:
            self._reserved -= own


def _no_budget(size: int) -> None:
    """Reserves nothing: the body's own limit is its only bound."""


async def read_body(
    scope: Scope, receive: Receive, *, limit: int, seconds: float, reserve: Reserve = _no_budget
) -> bytes:
    """Returns the whole body.

    Raises BodyTooLargeError as soon as more than `limit` bytes are announced or received, BodyTimeoutError when the
    body is not complete after `seconds`, RequestError when the client disconnects, BodyBudgetExceededError.
    """
    announced = dict(scope["headers"]).get(b"content-length", b"0")
    if announced.isdigit() and int(announced) > limit:
        raise BodyTooLargeError.beyond(limit)
    try:
        async with asyncio.timeout(seconds):
            return await _read(receive, limit, reserve)
    except TimeoutError:
        raise BodyTimeoutError(f"the body was not complete after {seconds:g} s") from None


async def _read(receive: Receive, limit: int, reserve: Reserve) -> bytes:
    chunks: list[bytes] = []
    size = 0
    more = True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise RequestError("the client disconnected before its request was complete")
        chunk = message.get("body", b"")
        size += len(chunk)
        if size > limit:
            raise BodyTooLargeError.beyond(limit)
        reserve(len(chunk))
        chunks.append(chunk)
        if len(chunks) > MAX_CHUNKS:
            raise BodyTooLargeError(f"the body comes in more than {MAX_CHUNKS} chunks; send larger ones")
        more = message.get("more_body", False)
    return chunks[0] if len(chunks) == 1 else b"".join(chunks)
