"""Detects the first token of a stream. Until then another upstream can still answer."""

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
"""Types of messages that announce an answer and hold nothing of it."""
CONTENT_FIELDS = ("content", "text", "response", "thinking", "tool_calls", "function_call", "refusal", "reasoning",
                  "reasoning_content", "audio")  # fmt: skip
"""Fields with a part of the answer: of a delta, a choice or a message of Ollama's."""


class NotAnAnswerError(ValueError):
    """A stream begins with something that is not an answer; the text says with what."""


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
