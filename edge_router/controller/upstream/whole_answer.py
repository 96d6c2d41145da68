"""Relays an answer that is not a stream. Checks all of it first, so that another upstream can still answer."""

import re
from typing import Any

import msgspec

from edge_router.controller.api import ResponseTranslation
from edge_router.controller.upstream.errors import UpstreamError
from edge_router.controller.upstream.relay import ResponseRelay
from edge_router.controller.upstream.response import UpstreamResponse, translate_chunk, translate_end
from edge_router.controller.upstream.stream_detection import StreamEndDetector

HELD_BYTES = 4 * 2**20
"""A larger answer is relayed as it arrives; then no other upstream can answer."""
TRANSLATED_BYTES = 64 * 2**20
"""The largest answer that is translated: translation needs all of it in memory."""

_TOO_LONG = re.compile(
    rb"context_length_exceeded|context[ _](?:length|window|size)|exceed_context_size|prompt is too long", re.IGNORECASE
)
"""Words by which upstreams say that a prompt exceeds their context."""


class _Answer(msgspec.Struct):
    """Decoding an answer as this proves that all of it is JSON."""

    id: Any = None
    error: Any = None


class PromptTooLongError(UpstreamError):
    """The prompt exceeds the upstream's context. When it exceeds that of every candidate, the client gets `answer`."""

    def __init__(self, response: UpstreamResponse, answer: bytes) -> None:
        super().__init__(
            response.endpoint.name,
            "says the prompt is too long",
            response.status,
            retryable=False,
            counts_as_failure=False,
        )
        self.response = response
        self.answer = answer


async def relay_refusal(
    response: UpstreamResponse, translation: ResponseTranslation | None, relay: ResponseRelay
) -> None:
    """Relays a 4xx: the upstream found a mistake in the request.

    Raises PromptTooLongError, and UpstreamError when the refusal cannot be relayed as it is.
    """
    body, has_more = await _read(response, HELD_BYTES)
    name = response.endpoint.name
    if not has_more and response.status in (400, 413, 422) and _TOO_LONG.search(body):
        if translation is None:
            raise PromptTooLongError(response, body)
        reason = "says the prompt is too long"
        raise UpstreamError(name, reason, 400, retryable=False, counts_as_failure=False)
    if has_more or translation is not None or not _is_json(body):
        reason = f"refused the request with {response.status}"
        raise UpstreamError(name, reason, response.status, retryable=False, counts_as_failure=False)
    await relay.send_whole(response, body)


async def relay_whole(
    response: UpstreamResponse, translation: ResponseTranslation | None, relay: ResponseRelay
) -> None:
    """Raises UpstreamError; an answer above HELD_BYTES has started by then."""
    body, has_more = await _read(response, HELD_BYTES if translation is None else TRANSLATED_BYTES)
    if has_more and translation is not None:
        reason = f"answered with more than {TRANSLATED_BYTES} bytes"
        raise UpstreamError(response.endpoint.name, reason, retryable=False)
    if has_more:
        return await _relay_large(response, body, relay)
    _check(response, body)
    relay.report.usage.read(body)
    if translation is None:
        return await relay.send_whole(response, body)
    translated = translate_chunk(response, translation, body) + translate_end(response, translation)
    await relay.send_whole(response, translated, translation.content_type)


async def _relay_large(response: UpstreamResponse, beginning: bytes, relay: ResponseRelay) -> None:
    await relay.start(response)
    await relay.send_chunk(beginning, more=True)
    end = StreamEndDetector()
    while chunk := await response.read_chunk():
        end.add(chunk)
        await relay.send_chunk(chunk, more=True)
    relay.report.usage.read(end.content)
    await relay.finish()


async def _read(response: UpstreamResponse, limit: int) -> tuple[bytes, bool]:
    """The body, and True when it is longer than `limit` bytes and was not read to its end."""
    chunks: list[bytes] = []
    size = 0
    while chunk := await response.read_chunk():
        chunks.append(chunk)
        size += len(chunk)
        if size > limit:
            return b"".join(chunks), True
    return b"".join(chunks), False


def _check(response: UpstreamResponse, body: bytes) -> None:
    if not body:
        raise response.failure("answered with nothing")
    try:
        answer = msgspec.json.decode(body, type=_Answer)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise response.failure("answered with something that is not a JSON object") from None
    if answer.error and answer.id is None:
        raise response.failure(f"answered {response.status} with an error")


def _is_json(body: bytes) -> bool:
    try:
        msgspec.json.decode(body, type=msgspec.Raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return False
    return True
