"""Translates an OpenAI answer into an Ollama answer: a stream of events into JSON lines, or a whole body."""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import msgspec

from edge_router.controller.api.event_stream import JSON_LINES, EventStreamParser
from edge_router.controller.api.message import starts_with
from edge_router.controller.api.translation.openai_answer import (
    AnswerMessage,
    Completion,
    Embeddings,
    Function,
    ToolCall,
    Usage,
    decode,
)

DONE_REASONS = {"length": "length"}
"""Ollama's `done_reason` by OpenAI's `finish_reason`. All others become `stop`, tool calls too."""

ContentFields = Callable[[str, str, Sequence[Any]], dict[str, Any]]
"""The fields of a line that hold (text, thinking, tool calls)."""


def chat_fields(content: str, thinking: str, calls: Sequence[Any]) -> dict[str, Any]:
    more = {"thinking": thinking} if thinking else {}
    return {"message": {"role": "assistant", "content": content, **more, **({"tool_calls": calls} if calls else {})}}


def generate_fields(content: str, thinking: str, calls: Sequence[Any]) -> dict[str, Any]:
    return {"response": content, **({"thinking": thinking} if thinking else {})}


@dataclass(frozen=True)
class LineBuilder:
    """Builds the lines of one answer. `show_thinking`: False if the client does not want it. `started` in ns of
    `time.perf_counter_ns`."""

    content_fields: ContentFields
    model: str
    show_thinking: bool
    started: int

    def line(self, content: str = "", thinking: str = "", calls: Sequence[Any] = ()) -> dict[str, Any]:
        fields = self.content_fields(content, thinking if self.show_thinking else "", calls)
        return {"model": self.model, "created_at": _now(), **fields, "done": False}

    def last_line(self, line: dict[str, Any], reason: str, usage: Usage | None, first_token: int) -> dict[str, Any]:
        """`first_token`: when the first token came, in ns."""
        now = time.perf_counter_ns()
        counts = usage or Usage()
        return line | {
            "done": True,
            "done_reason": DONE_REASONS.get(reason, "stop"),
            "total_duration": now - self.started,
            "load_duration": 0,
            "prompt_eval_count": counts.prompt_tokens or 0,
            "prompt_eval_duration": first_token - self.started,
            "eval_count": counts.completion_tokens or 0,
            "eval_duration": now - first_token,
        }


class StreamTranslation:
    """Translates a stream. Implements `ResponseTranslation`."""

    content_type = JSON_LINES

    def __init__(self, lines: LineBuilder) -> None:
        self._lines = lines
        self._events = EventStreamParser()
        self._calls: dict[int, ToolCall] = {}
        self._usage: Usage | None = None
        self._first_token: int | None = None
        self._finish_reason: str | None = None
        self._ended = False

    def feed(self, piece: bytes) -> bytes:
        return b"".join(
            msgspec.json.encode(line) + b"\n" for event in self._events.feed(piece) for line in self._translate(event)
        )

    def end(self) -> bytes:
        return b"".join(msgspec.json.encode(line) + b"\n" for line in self._last_lines())

    def _translate(self, event: bytes) -> Iterator[dict[str, Any]]:
        if event.strip() == b"[DONE]":
            yield from self._last_lines()
            return
        completion = decode(event, Completion)
        if completion.error is not None:
            raise ValueError("the upstream reports an error")
        self._usage = completion.usage or self._usage
        for choice in completion.choices[:1]:
            delta = choice.delta or AnswerMessage()
            self._collect(delta.tool_calls or ())
            if delta.content or (delta.thinking and self._lines.show_thinking):
                self._first_token = self._first_token or time.perf_counter_ns()
                yield self._lines.line(delta.content or "", delta.thinking)
            self._finish_reason = choice.finish_reason or self._finish_reason

    def _collect(self, calls: Sequence[ToolCall]) -> None:
        """A tool call is streamed in parts: its name first, then its arguments a few characters at a time."""
        for part in calls:
            call = self._calls.setdefault(part.index, ToolCall(Function("", "")))
            call.id = call.id or part.id
            call.function.name = call.function.name or part.function.name
            call.function.arguments = (call.function.arguments or "") + (part.function.arguments or "")

    def _last_lines(self) -> Iterator[dict[str, Any]]:
        if self._ended:
            return
        if self._finish_reason is None:
            raise ValueError("the answer is incomplete")
        self._ended = True
        if self._calls:
            yield self._lines.line(calls=_tool_calls([self._calls[index] for index in sorted(self._calls)]))
        first_token = self._first_token or time.perf_counter_ns()
        yield self._lines.last_line(self._lines.line(), self._finish_reason, self._usage, first_token)


class BodyTranslation:
    """Translates an answer that is not streamed. Implements `ResponseTranslation`."""

    content_type = "application/json"

    def __init__(self, translate: Callable[[bytes], dict[str, Any]]) -> None:
        self._translate = translate
        self._pieces: list[bytes] = []

    def feed(self, piece: bytes) -> bytes:
        self._pieces.append(piece)
        return b""

    def end(self) -> bytes:
        return msgspec.json.encode(self._translate(b"".join(self._pieces)))


def text_answer(lines: LineBuilder, content: bytes) -> dict[str, Any]:
    """The answer of `/api/chat` or `/api/generate`. Raises ValueError."""
    completion = decode(content, Completion)
    message = completion.choices[0].message if completion.choices else None
    if message is None:
        raise ValueError("the answer holds no message")
    line = lines.line(message.content or "", message.thinking, _tool_calls(message.tool_calls or ()))
    return lines.last_line(line, completion.choices[0].finish_reason or "stop", completion.usage, lines.started)


def embed_answer(model: str, started: int, content: bytes) -> dict[str, Any]:
    """The answer of `/api/embed`: one vector for each text. Raises ValueError."""
    embeddings = decode(content, Embeddings)
    counts = embeddings.usage or Usage()
    return {
        "model": model,
        "embeddings": _vectors(embeddings),
        "total_duration": time.perf_counter_ns() - started,
        "load_duration": 0,
        "prompt_eval_count": counts.prompt_tokens or 0,
    }


def embeddings_answer(content: bytes) -> dict[str, Any]:
    """The answer of the older `/api/embeddings`: the vector of the only text. Raises ValueError."""
    return {"embedding": _vectors(decode(content, Embeddings))[0]}


def _vectors(embeddings: Embeddings) -> list[msgspec.Raw]:
    """The vectors in the order of the texts, as the bytes that the upstream sent."""
    vectors = [vector.embedding for vector in sorted(embeddings.data, key=lambda vector: vector.index)]
    if not vectors or not all(starts_with(vector, "[") for vector in vectors):
        raise ValueError("the answer holds no vectors")
    return vectors


def _tool_calls(calls: Sequence[ToolCall]) -> list[dict[str, Any]]:
    return [
        {
            **({"id": call.id} if call.id else {}),
            "function": {"name": call.function.name or "", "arguments": _arguments(call.function.arguments)},
        }
        for call in calls
    ]


def _arguments(text: str | None) -> dict[str, Any]:
    return decode((text or "{}").encode(), dict[str, Any])


def _now() -> str:
    return datetime.now(UTC).isoformat().replace("+00:00", "Z")
