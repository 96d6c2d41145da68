"""How a stream begins: until something is said, another upstream can still say it."""

from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from edge_router.controller.api import EVENT_STREAM, JSON_LINES, EventStreamParser, JsonLinesParser

STREAMS: Mapping[str, type[EventStreamParser] | type[JsonLinesParser]] = {
    EVENT_STREAM: EventStreamParser,
    JSON_LINES: JsonLinesParser,
}
"""By content type."""
DONE = b"[DONE]"
ANNOUNCEMENTS = frozenset(
    (
        "message_start", "content_block_start", "ping",
        "response.created", "response.queued", "response.in_progress",
        "response.output_item.added", "response.content_part.added",
    )
)  # fmt: skip
"""Types of messages that say that an answer comes, and nothing of it."""
SAID = ("content", "text", "response", "thinking", "tool_calls", "function_call", "refusal", "reasoning",
        "reasoning_content", "audio")  # fmt: skip
"""Fields of a delta, a choice or a message of Ollama's in which an answer stands."""


class NotAnAnswerError(ValueError):
    """A stream begins with what is no part of an answer. The text says with what."""


class FirstTokenDetector:
    def __init__(self, content_type: str) -> None:
        self._messages = STREAMS[content_type]()

    def feed(self, piece: bytes) -> bool:
        """Whether something has been said. Raises NoAnswerError."""
        return any(_says(message) for message in self._messages.feed(piece))


def _says(message: bytes) -> bool:
    if message.strip() == DONE:
        return True
    try:
        content = orjson.loads(message)
    except orjson.JSONDecodeError:
        raise NotAnAnswerError("something that is no JSON") from None
    if not isinstance(content, dict):
        return True
    kind = content.get("type")
    if content.get("error") or kind in ("error", "response.failed"):
        raise NotAnAnswerError("an error")
    if isinstance(kind, str):
        return kind not in ANNOUNCEMENTS
    choices = content.get("choices")
    if isinstance(choices, list):
        return any(isinstance(choice, dict) and _choice_says(choice) for choice in choices)
    if "done" in content:
        return bool(content["done"]) or _any(content) or _any(content.get("message"))
    return True


def _choice_says(choice: Mapping[str, Any]) -> bool:
    return bool(choice.get("finish_reason")) or _any(choice) or _any(choice.get("delta"))


def _any(content: object, fields: Sequence[str] = SAID) -> bool:
    return isinstance(content, dict) and any(content.get(field) for field in fields)
