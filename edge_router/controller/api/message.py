"""A message of a conversation, in one form for all APIs: role, text, images."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import msgspec

from edge_router.errors import RequestError

TEXT_PARTS = frozenset(("text", "input_text", "output_text"))
IMAGE_PARTS = frozenset(("image", "image_url", "input_image"))
_NULL = msgspec.Raw(b"null")


class Message(NamedTuple):
    """`text`: the text parts, joined, without files, tool calls and tool results. `images`: it has at least one."""

    role: str
    text: str
    images: bool = False


class _Message(msgspec.Struct):
    """A message of OpenAI, Anthropic or Ollama. Other fields are skipped."""

    role: Any = None
    content: msgspec.Raw = _NULL
    images: msgspec.Raw = _NULL


class _Part(msgspec.Struct):
    type: Any = None
    text: Any = None
    content: msgspec.Raw = _NULL


_decode_message = msgspec.json.Decoder(_Message).decode
_decode_part = msgspec.json.Decoder(_Part).decode
_decode_string = msgspec.json.Decoder(str).decode
_decode_list = msgspec.json.Decoder(list[msgspec.Raw]).decode


def starts_with(value: msgspec.Raw, character: str) -> bool:
    """The first byte of a JSON value tells its type: `{`, `[`, `"`."""
    return memoryview(value)[0] == ord(character)


def read_messages(messages: Iterable[msgspec.Raw]) -> list[Message]:
    """Parses the items of `messages`. Raises RequestError."""
    try:
        return [_read_message(_decode_message(message)) for message in messages]
    except (msgspec.DecodeError, RecursionError) as error:
        raise RequestError(f"an item of the messages is not an object with role and content: {error}") from None


def _read_message(message: _Message) -> Message:
    role = message.role if isinstance(message.role, str) else ""
    images = starts_with(message.images, "[") and bool(_decode_list(message.images))
    if starts_with(message.content, '"'):
        return Message(role, _decode_string(message.content), images)
    parts = list(_parts(message.content))
    text = "\n".join(part.text for part in parts if part.type in TEXT_PARTS and isinstance(part.text, str))
    return Message(role, text, images or _have_image(parts))


def _parts(content: msgspec.Raw) -> Iterator[_Part]:
    if starts_with(content, "["):
        for raw in _decode_list(content):
            if starts_with(raw, "{"):
                part = _decode_part(raw)
                if isinstance(part.type, str):
                    yield part


def _have_image(parts: Sequence[_Part]) -> bool:
    """True if a part is an image. The result of a tool may hold parts of its own."""
    return any(part.type in IMAGE_PARTS for outer in parts for part in (outer, *_parts(outer.content)))
