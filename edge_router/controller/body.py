"""The request's body, read up to a limit."""

from starlette.requests import ClientDisconnect, Request

from edge_router.errors import RequestError


class TooLargeError(RequestError):
    status = 413


async def read_body(request: Request, limit: int) -> bytes:
    """Raises TooLargeError as soon as more than `limit` bytes are announced or have come."""
    announced = request.headers.get("content-length", "0")
    if announced.isdecimal() and int(announced) > limit:
        raise TooLargeError(_message(limit))
    parts, size = [], 0
    try:
        async for part in request.stream():
            size += len(part)
            if size > limit:
                raise TooLargeError(_message(limit))
            parts.append(part)
    except ClientDisconnect as error:
        raise RequestError("the client left before its request was complete") from error
    return b"".join(parts)


def _message(limit: int) -> str:
    return f"the body is larger than {limit} bytes; send less or raise EDGE_ROUTER_BODY_BYTES"
