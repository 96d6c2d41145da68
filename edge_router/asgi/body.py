"""The request's body, read up to a limit and up to a deadline."""

import asyncio

from edge_router.asgi.types import Receive, Scope
from edge_router.errors import RequestError

PIECES = 16_384
"""A body in more pieces than this costs more to put together than to read."""


class TooLargeError(RequestError):
    status = 413


class TooSlowError(RequestError):
    status = 408


async def read_body(scope: Scope, receive: Receive, *, limit: int, seconds: float) -> bytes:
    """Raises TooLargeError as soon as more than `limit` bytes are announced or have come, TooSlowError when the body is
    not complete after `seconds`, RequestError when the client left."""
    announced = dict(scope["headers"]).get(b"content-length", b"0")
    if announced.isdigit() and int(announced) > limit:
        raise TooLargeError(_too_large(limit))
    try:
        async with asyncio.timeout(seconds):
            return await _read(receive, limit)
    except TimeoutError:
        raise TooSlowError(f"the body was not complete after {seconds:g} s") from None


async def _read(receive: Receive, limit: int) -> bytes:
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
            raise TooLargeError(_too_large(limit))
        parts.append(part)
        if len(parts) > PIECES:
            raise TooLargeError(f"the body comes in more than {PIECES} pieces; send it in larger ones")
        more = message.get("more_body", False)
    return parts[0] if len(parts) == 1 else b"".join(parts)


def _too_large(limit: int) -> str:
    return f"the body is larger than {limit} bytes; send less or raise EDGE_ROUTER_BODY_BYTES"
