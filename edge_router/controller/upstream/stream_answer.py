"""Relays a streamed answer: holds its beginning until the first token, then passes each chunk on at once."""

import time

from edge_router.controller.api import ResponseTranslation
from edge_router.controller.upstream.errors import UpstreamError
from edge_router.controller.upstream.relay import ResponseRelay
from edge_router.controller.upstream.response import INTERRUPTED, UpstreamResponse, translate_chunk, translate_end
from edge_router.controller.upstream.stream_detection import FirstTokenDetector, NotAnAnswerError, StreamEndDetector

USAGE_BYTES = 4 * 1024
"""The part of a stream's beginning that is searched for token counts: they are in its first event, if there."""
HELD_BYTES = 256 * 1024
HELD_SECONDS = 10
"""Bounds on the held beginning: if an upstream takes long to think, the client must see its pings."""


async def relay_stream(
    response: UpstreamResponse, translation: ResponseTranslation | None, relay: ResponseRelay
) -> None:
    """Raises UpstreamError, before or after the answer has started."""
    beginning = await _read_beginning(response)
    relay.report.streamed = True
    end = StreamEndDetector()
    end.add(beginning)
    try:
        sent = beginning if translation is None else translate_chunk(response, translation, beginning)
        await relay.start(response, translation.content_type if translation else None)
        await relay.send_chunk(sent, more=True)
        while chunk := await _read_next(response, end):
            end.add(chunk)
            sent = chunk if translation is None else translate_chunk(response, translation, chunk)
            if sent:
                await relay.send_chunk(sent, more=True)
    finally:
        relay.report.usage.read(beginning[:USAGE_BYTES])
        relay.report.usage.read(end.content)
    if not end.complete:
        raise response.failure(INTERRUPTED)
    await relay.finish(b"" if translation is None else translate_end(response, translation))


async def _read_beginning(response: UpstreamResponse) -> bytes:
    """Reads until the first token, or until the bounds are reached. Raises UpstreamError."""
    detector = FirstTokenDetector(response.content_type)
    held = bytearray()
    deadline = time.perf_counter() + HELD_SECONDS
    while chunk := await response.read_chunk():
        held += chunk
        try:
            if detector.feed(chunk) or len(held) > HELD_BYTES or time.perf_counter() > deadline:
                return bytes(held)
        except NotAnAnswerError as error:
            raise response.failure(f"began its answer with {error}") from None
    raise response.failure("ended its answer before it had begun")


async def _read_next(response: UpstreamResponse, end: StreamEndDetector) -> bytes:
    """The next chunk; empty at the end. A failure after the stream's last event counts as the end. Raises
    UpstreamError."""
    try:
        return await response.read_chunk()
    except UpstreamError:
        if end.ended:
            return b""
        raise
