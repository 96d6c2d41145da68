"""How large a request may be: one with images larger than one of text."""

from edge_router.asgi.body import TooLargeError
from edge_router.controller.asked import Asked
from edge_router.controller.settings import Limits


def largest(limits: Limits) -> int:
    """Bytes to read at most: what a body holds is known once it is there."""
    return max(limits.body_bytes, limits.image_body_bytes)


def check_size(body: bytes, asked: Asked, limits: Limits) -> None:
    """Raises TooLargeError."""
    if len(body) > limits.body_bytes and not asked.features.images:
        raise TooLargeError.beyond(limits.body_bytes)
