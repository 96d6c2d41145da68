"""Compresses and decompresses bodies by Content-Encoding."""

import zlib

from edge_router.asgi.body import BodyTooLargeError
from edge_router.errors import RequestError

GZIP = zlib.MAX_WBITS | 16
WINDOWS = {"gzip": GZIP, "deflate": zlib.MAX_WBITS}
"""zlib's window bits by the name of the encoding."""
FASTEST_LEVEL = 1


class EncodingError(RequestError):
    """The client's Content-Encoding is not supported."""

    status = 415


def decompress(body: bytes, encoding: str, limit: int) -> bytes:
    """Returns the plain body.

    Raises BodyTooLargeError when it is larger than `limit` bytes, EncodingError when the encoding is not supported,
    RequestError when the data is damaged.
    """
    encoding = encoding.lower()
    if encoding in ("", "identity"):
        return body
    if encoding not in WINDOWS:
        raise EncodingError(f"Content-Encoding {encoding!r} is not supported; send {', '.join(WINDOWS)} or none")
    inflater = zlib.decompressobj(WINDOWS[encoding])
    try:
        plain = inflater.decompress(body, limit + 1)
    except zlib.error:
        raise RequestError(f"the body is not valid {encoding} data") from None
    if len(plain) > limit:
        raise BodyTooLargeError(f"the body is larger than {limit} bytes once decompressed; send less")
    if not inflater.eof:
        raise RequestError(f"the body's {encoding} data is truncated")
    return plain


def compress(body: bytes, encoding: str) -> bytes:
    deflater = zlib.compressobj(FASTEST_LEVEL, wbits=WINDOWS[encoding])
    return deflater.compress(body) + deflater.flush()


def negotiate_encoding(header: str) -> str | None:
    """Chooses the supported encoding with the highest weight in an Accept-Encoding header; None when it names none."""
    best, best_weight = None, 0.0
    for item in header.lower().split(","):
        name, _, parameter = (part.strip() for part in item.partition(";"))
        weight = _weight(parameter)
        if name in WINDOWS and weight > best_weight:
            best, best_weight = name, weight
    return best


def _weight(parameter: str) -> float:
    try:
        return float(parameter.removeprefix("q=")) if parameter else 1.0
    except ValueError:
        return 0.0
