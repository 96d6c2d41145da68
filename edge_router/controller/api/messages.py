"""A conversation's turns, as every API's messages are read: who spoke, and what of it is text."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import msgspec

from edge_router.errors import RequestError

TEXT_PARTS = frozenset(("text", "input_text", "output_text"))
IMAGE_PARTS = frozenset(("image", "image_url", "input_image"))
_NULL = msgspec.Raw(b"null")


class Message(NamedTuple):
    """`text`: the text parts joined; images, files and what tools are asked and say are not among them."""

    role: str
    text: str
    images: bool = False


class _Message(msgspec.Struct):
    """Of OpenAI's, Anthropic's and Ollama's messages alike; whatever else they hold is stepped over."""

    role: Any = None
    content: msgspec.Raw = _NULL
    images: msgspec.Raw = _NULL


class _Part(msgspec.Struct):
    type: Any = None
    text: Any = None
    content: msgspec.Raw = _NULL


_message = msgspec.json.Decoder(_Message).decode
_part = msgspec.json.Decoder(_Part).decode
_text = msgspec.json.Decoder(str).decode
_list = msgspec.json.Decoder(list[msgspec.Raw]).decode


def begins(value: msgspec.Raw, with_: str) -> bool:
    """What kind of value it is shows in its first byte."""
    return memoryview(value)[0] == ord(with_)


def turns(messages: Iterable[msgspec.Raw]) -> list[Message]:
    """One for each message. Raises RequestError."""
    try:
        return [_turn(_message(message)) for message in messages]
    except (msgspec.DecodeError, RecursionError) as error:
        raise RequestError(f"one of the messages is no object with role and content: {error}") from None


def _turn(message: _Message) -> Message:
    role = message.role if isinstance(message.role, str) else ""
    images = begins(message.images, "[") and bool(_list(message.images))
    if begins(message.content, '"'):
        return Message(role, _text(message.content), images)
    parts = list(_parts(message.content))
    text = "\n".join(part.text for part in parts if part.type in TEXT_PARTS and isinstance(part.text, str))
    return Message(role, text, images or _pictured(parts))


def _parts(content: msgspec.Raw) -> Iterator[_Part]:
    if begins(content, "["):
        for raw in _list(content):
            if begins(raw, "{"):
                part = _part(raw)
                if isinstance(part.type, str):
                    yield part


def _pictured(parts: Sequence[_Part]) -> bool:
    """A tool's result may hold images of its own."""
    return any(part.type in IMAGE_PARTS for outer in parts for part in (outer, *_parts(outer.content)))
