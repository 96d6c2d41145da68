"""How large a request may be: one with images larger than one of text."""

from edge_router.asgi.body import BodyTooLargeError
from edge_router.controller.api import LlmRequest
from edge_router.controller.settings import RequestLimits


def largest(limits: RequestLimits) -> int:
    """Bytes to read at most: what a body holds is known once it is there."""
    return max(limits.body_bytes, limits.image_body_bytes)


def check_size(body: bytes, request: LlmRequest, limits: RequestLimits) -> None:
    """Raises BodyTooLargeError."""
    if len(body) > limits.body_bytes and not request.features.images:
        raise BodyTooLargeError.beyond(limits.body_bytes)
