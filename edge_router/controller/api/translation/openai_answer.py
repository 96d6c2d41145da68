"""The types of OpenAI's answers, with the fields that translations read."""

from typing import Any, TypeVar

import msgspec

Answer = TypeVar("Answer")


class Function(msgspec.Struct):
    name: str | None = None
    arguments: str | None = None


class ToolCall(msgspec.Struct):
    function: Function
    index: int = 0
    id: str | None = None


class AnswerMessage(msgspec.Struct):
    """A message, or the delta of one. Servers name reasoning `reasoning_content` or `reasoning`."""

    content: str | None = None
    reasoning_content: str | None = None
    reasoning: str | None = None
    tool_calls: list[ToolCall] | None = None

    @property
    def thinking(self) -> str:
        return self.reasoning_content or self.reasoning or ""


class Choice(msgspec.Struct):
    delta: AnswerMessage | None = None
    message: AnswerMessage | None = None
    finish_reason: str | None = None


class Usage(msgspec.Struct):
    prompt_tokens: int | None = None
    completion_tokens: int | None = None


class Completion(msgspec.Struct):
    """A whole answer, or one event of a stream."""

    choices: list[Choice] = []
    usage: Usage | None = None
    error: Any = None


class Embedding(msgspec.Struct):
    embedding: msgspec.Raw
    index: int = 0


class Embeddings(msgspec.Struct):
    data: list[Embedding]
    usage: Usage | None = None


def decode(content: bytes, answer_type: type[Answer]) -> Answer:
    """Raises ValueError, which never quotes the answer."""
    try:
        return msgspec.json.decode(content, type=answer_type)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise ValueError("the answer has an unexpected form") from None
