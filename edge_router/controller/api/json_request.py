"""The base class of all APIs' requests. Fields pass through unchanged; messages are parsed on first use."""

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from functools import cached_property
from typing import Any, ClassVar, Self, TypeVar

import msgspec

from edge_router.contract import ROUTER_FIELD
from edge_router.controller.api.message import Message
from edge_router.controller.api.operation import Operation
from edge_router.controller.api.prompt_text import is_background_task
from edge_router.controller.api.request import RequestFeatures, RoutingHint, UpstreamRequest
from edge_router.errors import RequestError

BYTES_PER_TOKEN = 4
INSTRUCTIONS = ("system", "instructions")
"""Fields that hold instructions outside the messages."""
IMAGE_TOKENS = 800
"""Estimated tokens of one image, whatever its size in bytes."""

Fields = Mapping[str, msgspec.Raw]
"""The body's fields as the client wrote them."""
Value = TypeVar("Value")

_decode_fields = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_decode_string = msgspec.json.Decoder(str).decode
TRUE, FALSE, NULL = (msgspec.Raw(word) for word in (b"true", b"false", b"null"))


class JsonRequest(ABC):
    """Base class of the APIs' requests. Implements `LlmRequest`."""

    streams_by_default: ClassVar[bool] = False
    translates_to: ClassVar[Operation | None] = None
    """The operation that the request is translated to if an upstream does not speak its own."""
    required_fields: ClassVar[Mapping[str, str]] = {}
    """Advice for the client by the name of the missing field."""
    prompt_fields: ClassVar[Sequence[str]] = ()
    """Fields that count as prompt tokens."""
    max_token_fields: ClassVar[Sequence[str]] = ()
    """Fields that limit the answer's tokens; the first one present counts."""
    format_path: ClassVar[Sequence[str]] = ("response_format",)
    """Path of the object whose `type` is the format of the answer."""

    def __init__(self, operation: Operation, fields: Fields, names: AbstractSet[str]) -> None:
        self.operation = operation
        self.fields = fields
        self.hint = self._read_hint(names)
        self.check()

    @classmethod
    def parse(cls, operation: Operation, body: bytes, names: AbstractSet[str] = frozenset()) -> Self:
        """`names`: what a client may ask for as model. Raises RequestError naming the part of the body that is
        wrong."""
        try:
            if not body.isascii():
                body.decode()  # msgspec does not check the UTF-8 of a field that it skips
            fields = _decode_fields(body)
        except msgspec.ValidationError:
            raise RequestError("the body must be a JSON object") from None
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise RequestError(f"the body is not valid JSON: {error}") from None
        return cls(operation, fields, names)

    def check(self) -> None:
        """Raises RequestError if a field is missing that every upstream needs."""
        for key, advice in self.required_fields.items():
            if key not in self.fields:
                raise RequestError(f"{key} is missing; {advice}")

    @cached_property
    @abstractmethod
    def messages(self) -> Sequence[Message]:
        """The messages of the conversation; empty for embeddings. Raises RequestError."""

    @property
    def stream(self) -> bool:
        stream = self.fields.get("stream", NULL)
        return stream != FALSE if self.streams_by_default else stream == TRUE

    @cached_property
    def features(self) -> RequestFeatures:
        images = sum(message.images for message in self.messages)
        return RequestFeatures(
            tokens=self._prompt_bytes(images) // BYTES_PER_TOKEN + images * IMAGE_TOKENS,
            answer_tokens=self._answer_tokens(),
            tools=bool(self.value("tools") or self.value("functions")),
            images=images > 0,
            response_format=self._has_response_format(),
            background_task=is_background_task(self.messages),
        )

    @property
    def user(self) -> str | None:
        user = self.value("user")
        return user if isinstance(user, str) and user else None

    @cached_property
    def conversation(self) -> str:
        """Hash of the instructions and of all messages up to the first of the user."""
        digest = hashlib.blake2b(digest_size=16)
        for key in INSTRUCTIONS:
            digest.update(self.fields.get(key, b""))
        for message in self.messages:
            digest.update(f"{message.role}\n{message.text}\n".encode())
            if message.role == "user":
                break
        return digest.hexdigest()

    def to_upstream(self, speaks: frozenset[Operation], model: str) -> UpstreamRequest | None:
        return UpstreamRequest(self.operation, self.body_for(model)) if self.operation in speaks else None

    def body_for(self, model: str) -> bytes:
        """The body for an upstream: `model` replaced, the router's own field removed, all other fields unchanged."""
        kept = {key: value for key, value in self.fields.items() if key != ROUTER_FIELD}
        return msgspec.json.encode(kept | {"model": model})

    def value(self, key: str) -> Any:
        """A field's value; None if the field is missing. Raises RequestError."""
        return self.read(key, Any, "valid JSON") if key in self.fields else None

    def read(self, key: str, value_type: type[Value] | Any, expected: str) -> Value:
        """Raises RequestError if the field is not a `value_type`; `expected` names that type in the message."""
        try:
            found: Value = msgspec.json.decode(self.fields[key], type=value_type)
        except (msgspec.DecodeError, KeyError, RecursionError):
            raise RequestError(f"{key} must be {expected}") from None
        return found

    def _read_hint(self, names: AbstractSet[str]) -> RoutingHint:
        """Ollama's clients add the tag `:latest` to every name. It is removed from names that the router knows."""
        try:
            model = _decode_string(self.fields["model"])
        except (msgspec.DecodeError, KeyError):
            model = ""
        if not model:
            raise RequestError('model is missing; send "auto", the name of a policy or a model that /v1/models lists')
        untagged = model.removesuffix(":latest")
        return RoutingHint(model=untagged if untagged in names and model not in names else model)

    def _prompt_bytes(self, images: int) -> int:
        if images:
            return sum(len(message.text.encode()) for message in self.messages)
        return sum(len(memoryview(self.fields[key])) for key in self.prompt_fields if key in self.fields)

    def _answer_tokens(self) -> int:
        limits = (self.value(key) for key in self.max_token_fields)
        return next((limit for limit in limits if isinstance(limit, int) and limit > 0), 0)

    def _has_response_format(self) -> bool:
        field, *inner_keys = self.format_path
        value = self.value(field)
        for key in inner_keys:
            value = value.get(key) if isinstance(value, dict) else None
        return isinstance(value, dict) and value.get("type", "text") != "text"
