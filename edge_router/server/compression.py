"""Content-Encoding of a body, in both directions."""

import zlib

from edge_router.asgi.body import TooLargeError
from edge_router.errors import RequestError

GZIP = zlib.MAX_WBITS | 16
WINDOWS = {"gzip": GZIP, "deflate": zlib.MAX_WBITS}
"""zlib's window bits by the name of the encoding."""
FAST = 1


class EncodingError(RequestError):
    """The client's encoding is none of ours."""

    status = 415


def decompress(body: bytes, encoding: str, limit: int) -> bytes:
    """Raises TooLargeError when more than `limit` bytes come out, EncodingError for an encoding that is not offered,
    RequestError for damaged data."""
    encoding = encoding.lower()
    if encoding in ("", "identity"):
        return body
    if encoding not in WINDOWS:
        raise EncodingError(f"Content-Encoding {encoding!r} is not offered; send {', '.join(WINDOWS)} or none")
    inflater = zlib.decompressobj(WINDOWS[encoding])
    try:
        plain = inflater.decompress(body, limit + 1)
    except zlib.error:
        raise RequestError(f"the body is no valid {encoding} data") from None
    if len(plain) > limit:
        raise TooLargeError(f"the body is larger than {limit} bytes once decompressed; send less")
    if not inflater.eof:
        raise RequestError(f"the body's {encoding} data is cut off")
    return plain


def compress(body: bytes, encoding: str) -> bytes:
    deflater = zlib.compressobj(FAST, wbits=WINDOWS[encoding])
    return deflater.compress(body) + deflater.flush()


def accepted(header: str) -> str | None:
    """The encoding of ours that an Accept-Encoding header likes best; None where it names none of them."""
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
