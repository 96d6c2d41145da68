"""Applies a translation to an upstream's answer."""

from edge_router.controller.api import ResponseTranslation
from edge_router.controller.upstream.response import UpstreamResponse

UNTRANSLATABLE = "answered with something that cannot be translated"


def translate_chunk(response: UpstreamResponse, translation: ResponseTranslation, chunk: bytes) -> bytes:
    """Raises UpstreamError."""
    try:
        return translation.feed(chunk)
    except ValueError:
        raise response.failure(UNTRANSLATABLE) from None


def translate_end(response: UpstreamResponse, translation: ResponseTranslation) -> bytes:
    """Raises UpstreamError."""
    try:
        return translation.end()
    except ValueError:
        raise response.failure(UNTRANSLATABLE) from None
