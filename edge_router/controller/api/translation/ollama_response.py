"""An answer in OpenAI's words said in Ollama's: a stream of events as lines of JSON, or a whole one."""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeVar

import msgspec

from edge_router.controller.api.events import Events
from edge_router.controller.api.messages import begins

DONE_REASONS = {"length": "length"}
"""Ollama knows no other reason but `stop`, also where a tool is called."""
Answer = TypeVar("Answer")


class _Function(msgspec.Struct):
    name: str | None = None
    arguments: str | None = None


class _Call(msgspec.Struct):
    function: _Function
    index: int = 0
    id: str | None = None


class _Said(msgspec.Struct):
    """`reasoning_content` or `reasoning`, depending on who serves the model."""

    content: str | None = None
    reasoning_content: str | None = None
    reasoning: str | None = None
    tool_calls: list[_Call] | None = None

    @property
    def thinking(self) -> str:
        return self.reasoning_content or self.reasoning or ""


class _Choice(msgspec.Struct):
    delta: _Said | None = None
    message: _Said | None = None
    finish_reason: str | None = None


class _Usage(msgspec.Struct):
    prompt_tokens: int | None = None
    completion_tokens: int | None = None


class _Completion(msgspec.Struct):
    """A whole answer, or one event of a stream."""

    choices: list[_Choice] = []
    usage: _Usage | None = None
    error: Any = None


class _Vector(msgspec.Struct):
    embedding: msgspec.Raw
    index: int = 0


class _Vectors(msgspec.Struct):
    data: list[_Vector]
    usage: _Usage | None = None


Say = Callable[[str, str, Sequence[Any]], dict[str, Any]]
"""(text, thinking, tool calls) as fields of a line."""


def in_chat(content: str, thinking: str, calls: Sequence[Any]) -> dict[str, Any]:
    more = {"thinking": thinking} if thinking else {}
    return {"message": {"role": "assistant", "content": content, **more, **({"tool_calls": calls} if calls else {})}}


def in_generate(content: str, thinking: str, calls: Sequence[Any]) -> dict[str, Any]:
    return {"response": content, **({"thinking": thinking} if thinking else {})}


@dataclass(frozen=True)
class Manner:
    """What all lines of an answer share. `thinks`: whether the client wants to see it. `asked` in ns of
    `time.perf_counter_ns`."""

    say: Say
    model: str
    thinks: bool
    asked: int

    def line(self, content: str = "", thinking: str = "", calls: Sequence[Any] = ()) -> dict[str, Any]:
        said = self.say(content, thinking if self.thinks else "", calls)
        return {"model": self.model, "created_at": _now(), **said, "done": False}

    def last(self, line: dict[str, Any], reason: str, usage: _Usage | None, first: int) -> dict[str, Any]:
        """`first`: when the answer's first word came."""
        now = time.perf_counter_ns()
        counted = usage or _Usage()
        return line | {
            "done": True,
            "done_reason": DONE_REASONS.get(reason, "stop"),
            "total_duration": now - self.asked,
            "load_duration": 0,
            "prompt_eval_count": counted.prompt_tokens or 0,
            "prompt_eval_duration": first - self.asked,
            "eval_count": counted.completion_tokens or 0,
            "eval_duration": now - first,
        }


class Lines:
    """A stream. Satisfies `Translation`."""

    content_type = "application/x-ndjson"

    def __init__(self, manner: Manner) -> None:
        self._manner = manner
        self._events = Events()
        self._calls: dict[int, _Call] = {}
        self._usage: _Usage | None = None
        self._first: int | None = None
        self._reason: str | None = None
        self._ended = False

    def feed(self, piece: bytes) -> bytes:
        return b"".join(
            msgspec.json.encode(line) + b"\n" for event in self._events.feed(piece) for line in self._lines(event)
        )

    def end(self) -> bytes:
        return b"".join(msgspec.json.encode(line) + b"\n" for line in self._last())

    def _lines(self, event: bytes) -> Iterator[dict[str, Any]]:
        if event.strip() == b"[DONE]":
            yield from self._last()
            return
        completion = _read(event, _Completion)
        if completion.error is not None:
            raise ValueError("the upstream reports an error")
        self._usage = completion.usage or self._usage
        for choice in completion.choices[:1]:
            said = choice.delta or _Said()
            self._collect(said.tool_calls or ())
            if said.content or (said.thinking and self._manner.thinks):
                self._first = self._first or time.perf_counter_ns()
                yield self._manner.line(said.content or "", said.thinking)
            self._reason = choice.finish_reason or self._reason

    def _collect(self, calls: Sequence[_Call]) -> None:
        """A call comes in pieces: the name first, then its arguments a few characters at a time."""
        for call in calls:
            begun = self._calls.setdefault(call.index, _Call(_Function("", "")))
            begun.id = begun.id or call.id
            begun.function.name = begun.function.name or call.function.name
            begun.function.arguments = (begun.function.arguments or "") + (call.function.arguments or "")

    def _last(self) -> Iterator[dict[str, Any]]:
        if self._ended:
            return
        if self._reason is None:
            raise ValueError("the answer ends in the middle")
        self._ended = True
        if self._calls:
            yield self._manner.line(calls=_calls([self._calls[index] for index in sorted(self._calls)]))
        first = self._first or time.perf_counter_ns()
        yield self._manner.last(self._manner.line(), self._reason, self._usage, first)


class Whole:
    """An answer that is not streamed. Satisfies `Translation`."""

    content_type = "application/json"

    def __init__(self, said: Callable[[bytes], dict[str, Any]]) -> None:
        self._said = said
        self._pieces: list[bytes] = []

    def feed(self, piece: bytes) -> bytes:
        self._pieces.append(piece)
        return b""

    def end(self) -> bytes:
        return msgspec.json.encode(self._said(b"".join(self._pieces)))


def completion(manner: Manner, content: bytes) -> dict[str, Any]:
    answer = _read(content, _Completion)
    said = answer.choices[0].message if answer.choices else None
    if said is None:
        raise ValueError("the answer holds no message")
    line = manner.line(said.content or "", said.thinking, _calls(said.tool_calls or ()))
    return manner.last(line, answer.choices[0].finish_reason or "stop", answer.usage, manner.asked)


def embed(model: str, asked: int, content: bytes) -> dict[str, Any]:
    """`/api/embed`: a vector for each text."""
    answer = _read(content, _Vectors)
    counted = answer.usage or _Usage()
    return {
        "model": model,
        "embeddings": _vectors(answer),
        "total_duration": time.perf_counter_ns() - asked,
        "load_duration": 0,
        "prompt_eval_count": counted.prompt_tokens or 0,
    }


def embedding(content: bytes) -> dict[str, Any]:
    """`/api/embeddings`, the older one: the vector of the one text."""
    return {"embedding": _vectors(_read(content, _Vectors))[0]}


def _vectors(answer: _Vectors) -> list[msgspec.Raw]:
    """Number for number as they came."""
    vectors = [vector.embedding for vector in sorted(answer.data, key=lambda vector: vector.index)]
    if not vectors or not all(begins(vector, "[") for vector in vectors):
        raise ValueError("the answer holds no vectors")
    return vectors


def _calls(calls: Sequence[_Call]) -> list[dict[str, Any]]:
    return [
        {
            **({"id": call.id} if call.id else {}),
            "function": {"name": call.function.name or "", "arguments": _arguments(call.function.arguments)},
        }
        for call in calls
    ]


def _arguments(text: str | None) -> dict[str, Any]:
    return _read((text or "{}").encode(), dict[str, Any])


def _read(content: bytes, kind: type[Answer]) -> Answer:
    try:
        return msgspec.json.decode(content, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise ValueError("the answer is not what was asked for") from None


def _now() -> str:
    return datetime.now(UTC).isoformat().replace("+00:00", "Z")
