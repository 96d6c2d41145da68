"""Detects the first token and the end of a stream.

Until the first token another upstream can still answer. A connection that closes before the end is a failure.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from edge_router.controller.api import EVENT_STREAM, JSON_LINES, EventStreamParser, JsonLinesParser

PARSERS: Mapping[str, type[EventStreamParser] | type[JsonLinesParser]] = {
    EVENT_STREAM: EventStreamParser,
    JSON_LINES: JsonLinesParser,
}
"""The content types of streams."""
DONE = b"[DONE]"
ANNOUNCEMENTS = frozenset(
    (
        "message_start", "content_block_start", "ping",
        "response.created", "response.queued", "response.in_progress",
        "response.output_item.added", "response.content_part.added",
    )
)  # fmt: skip
"""Types of messages that precede an answer and hold no part of it."""
CONTENT_FIELDS = ("content", "text", "response", "thinking", "tool_calls", "function_call", "refusal", "reasoning",
                  "reasoning_content", "audio")  # fmt: skip
"""Fields with a part of the answer: of a delta, a choice or a message of Ollama's."""


class NotAnAnswerError(ValueError):
    """A stream does not begin with an answer. The text says what it begins with."""


class FirstTokenDetector:
    """Reads the beginning of a stream, chunk by chunk."""

    def __init__(self, content_type: str) -> None:
        self._parser = PARSERS[content_type]()

    def feed(self, chunk: bytes) -> bool:
        """True once a message holds a part of the answer, or its end. Raises NotAnAnswerError."""
        return any(_holds_content(message) for message in self._parser.feed(chunk))


def _holds_content(message: bytes) -> bool:
    if message.strip() == DONE:
        return True
    try:
        content = msgspec.json.decode(message)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise NotAnAnswerError("something that is not JSON") from None
    if not isinstance(content, dict):
        return True
    kind = content.get("type")
    if content.get("error") or kind in ("error", "response.failed"):
        raise NotAnAnswerError("an error")
    if isinstance(kind, str):
        return kind not in ANNOUNCEMENTS
    choices = content.get("choices")
    if isinstance(choices, list):
        return any(isinstance(choice, dict) and _choice_holds_content(choice) for choice in choices)
    if "done" in content:
        return bool(content["done"]) or _has_any(content) or _has_any(content.get("message"))
    return True


def _choice_holds_content(choice: Mapping[str, Any]) -> bool:
    return bool(choice.get("finish_reason")) or _has_any(choice) or _has_any(choice.get("delta"))


def _has_any(content: object, fields: Sequence[str] = CONTENT_FIELDS) -> bool:
    return isinstance(content, dict) and any(content.get(field) for field in fields)


BYTES = 16 * 1024
"""The part of a stream that is kept: token counts are near its end."""
BATCH_BYTES = 4 * BYTES
"""Size that is searched at once: a search of each chunk would cost more than relaying it."""
MARKERS = (
    b"[DONE]", b"message_stop", b"response.completed", b"response.incomplete", b"response.failed",
    b'"done"', b'"error"',
)  # fmt: skip
"""Words around which the pattern is tried: a search for a pattern takes a hundred times as long as for a word."""
_END = re.compile(
    rb'(?:^|[\r\n])data: ?\[DONE\]|"type"\s*:\s*"(?:message_stop|error|response\.(?:completed|incomplete|failed))"'
    rb'|"done"\s*:\s*true|(?:^|[\r\n])(?:data: ?)?\{\s*"error"\s*:\s*[{"]'
)
"""The stream is complete after this, even when the rest of a long event is still to come. Quotes and line ends are
escaped inside a text, so the text of an answer never matches."""
CONTEXT_BYTES = 64
"""Bytes before and after a marker that the pattern needs."""
_FINISHED = re.compile(rb'"(?:finish_reason|stop_reason)"\s*:\s*"')
"""The answer is complete after this; token counts may be missing."""


class StreamEndDetector:
    """Finds the last event of a stream in its last bytes, which it keeps."""

    def __init__(self) -> None:
        self._ended = False
        self._chunks: list[bytes] = []
        self._size = 0

    def add(self, chunk: bytes) -> None:
        self._chunks.append(chunk)
        self._size += len(chunk)
        if self._size > BATCH_BYTES:
            self._ended = self.ended
            self._chunks = [self.content]
            self._size = BYTES

    @property
    def ended(self) -> bool:
        """True once the upstream has sent the stream's end."""
        kept = b"".join(self._chunks)
        return self._ended or any(_has_end(kept, marker) for marker in MARKERS)

    @property
    def content(self) -> bytes:
        """The last BYTES of the stream."""
        return b"".join(self._chunks)[-BYTES:]

    @property
    def complete(self) -> bool:
        """True once the whole answer has arrived, even if the stream's last event is missing."""
        return self.ended or _FINISHED.search(self.content) is not None


def _has_end(kept: bytes, marker: bytes) -> bool:
    """Searches backwards, because the last event is mostly near the end."""
    at = kept.rfind(marker)
    while at >= 0:
        if _END.search(kept, max(at - CONTEXT_BYTES, 0), at + len(marker) + CONTEXT_BYTES):
            return True
        at = kept.rfind(marker, 0, at)
    return False
