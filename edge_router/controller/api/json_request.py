"""What the requests of all APIs have in common: fields that pass through as they came, one that names the model, and
turns that are read only when somebody looks."""

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from functools import cached_property
from typing import Any, ClassVar, Self, TypeVar

import msgspec

from edge_router.contract import ROUTER_FIELD
from edge_router.controller.api.messages import Message
from edge_router.controller.api.operation import Operation
from edge_router.controller.api.prompt_text import is_background_task, prompt
from edge_router.controller.api.request import RequestFeatures, RoutingHint, UpstreamRequest
from edge_router.controller.config import TextConfig
from edge_router.errors import RequestError

BYTES_PER_TOKEN = 4
INSTRUCTIONS = ("system", "instructions")
"""Fields that stand for a turn of the system's."""
IMAGE_TOKENS = 800
"""Of one image, whose bytes say nothing of it."""

Fields = Mapping[str, msgspec.Raw]
"""The body's own, as the client wrote them."""
Value = TypeVar("Value")

_fields = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_name = msgspec.json.Decoder(str).decode
TRUE, FALSE, NULL = (msgspec.Raw(word) for word in (b"true", b"false", b"null"))


class Request(ABC):
    """One of the APIs' requests; satisfies `Asked`."""

    operation: ClassVar[Operation]
    streams_by_default: ClassVar[bool] = False
    required_fields: ClassVar[Mapping[str, str]] = {}
    """Fields that must be there, and what to send."""
    prompt_fields: ClassVar[Sequence[str]] = ()
    """Fields that the upstream reads as prompt."""
    max_token_fields: ClassVar[Sequence[str]] = ()
    """Fields of which the first that is there bounds the answer's tokens."""
    format_path: ClassVar[Sequence[str]] = ("response_format",)
    """The way to the object whose `type` is the form that the answer is to have."""

    def __init__(self, fields: Fields, section: TextConfig, names: AbstractSet[str]) -> None:
        self.fields = fields
        self._section = section
        self.hint = self._read_hint(names)
        self.check()

    @classmethod
    def parse(cls, body: bytes, section: TextConfig, names: AbstractSet[str] = frozenset()) -> Self:
        """`names`: what a client may ask for as model. Raises RequestError saying which part of the body is wrong."""
        try:
            if not body.isascii():
                body.decode()  # a field that is stepped over is not looked at so closely
            fields = _fields(body)
        except msgspec.ValidationError:
            raise RequestError("the body must be a JSON object") from None
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise RequestError(f"the body is not valid JSON: {error}") from None
        return cls(fields, section, names)

    def check(self) -> None:
        """Raises RequestError where the request lacks what every upstream would need."""
        for key, instead in self.required_fields.items():
            if key not in self.fields:
                raise RequestError(f"{key} is missing; {instead}")

    @cached_property
    @abstractmethod
    def turns(self) -> Sequence[Message]:
        """Raises RequestError."""

    @property
    def stream(self) -> bool:
        asked = self.fields.get("stream", NULL)
        return asked != FALSE if self.streams_by_default else asked == TRUE

    @cached_property
    def text(self) -> str:
        return prompt(self.turns, self._section)

    @cached_property
    def features(self) -> RequestFeatures:
        images = sum(turn.images for turn in self.turns)
        return RequestFeatures(
            tokens=self._said_bytes(images) // BYTES_PER_TOKEN + images * IMAGE_TOKENS,
            answer_tokens=self._answer_tokens(),
            tools=bool(self.value("tools") or self.value("functions")),
            images=images > 0,
            response_format=self._in_a_form(),
            helper=is_background_task(self.turns),
        )

    @property
    def user(self) -> str | None:
        user = self.value("user")
        return user if isinstance(user, str) and user else None

    @cached_property
    def conversation(self) -> str:
        """Of the instructions and the first user turn."""
        began = hashlib.blake2b(digest_size=16)
        for key in INSTRUCTIONS:
            began.update(self.fields.get(key, b""))
        for turn in self.turns:
            began.update(f"{turn.role}\n{turn.text}\n".encode())
            if turn.role == "user":
                break
        return began.hexdigest()

    def to_upstream(self, speaks: frozenset[Operation], model: str) -> UpstreamRequest | None:
        return UpstreamRequest(self.operation, self.addressed_to(model)) if self.operation in speaks else None

    def addressed_to(self, model: str) -> bytes:
        """The body for an upstream: every field as it came, but the model, and without the field that is ours."""
        kept = {key: value for key, value in self.fields.items() if key != ROUTER_FIELD}
        return msgspec.json.encode(kept | {"model": model})

    def value(self, key: str) -> Any:
        """A field's value; None where it is not there. Raises RequestError."""
        return self.read(key, Any, "valid JSON") if key in self.fields else None

    def read(self, key: str, kind: type[Value] | Any, what: str) -> Value:
        """Raises RequestError where the field is no `kind`; `what` says so in words."""
        try:
            found: Value = msgspec.json.decode(self.fields[key], type=kind)
        except (msgspec.DecodeError, KeyError, RecursionError):
            raise RequestError(f"{key} must be {what}") from None
        return found

    def _read_hint(self, names: AbstractSet[str]) -> RoutingHint:
        """Ollama's clients add a tag to every name; that of ours is taken off."""
        try:
            model = _name(self.fields["model"])
        except (msgspec.DecodeError, KeyError):
            model = ""
        if not model:
            raise RequestError('model is missing; send "auto", a policy or a model of /v1/models')
        untagged = model.removesuffix(":latest")
        return RoutingHint(model=untagged if untagged in names and model not in names else model)

    def _said_bytes(self, images: int) -> int:
        if images:
            return sum(len(turn.text.encode()) for turn in self.turns)
        return sum(len(memoryview(self.fields[key])) for key in self.prompt_fields if key in self.fields)

    def _answer_tokens(self) -> int:
        limits = (self.value(key) for key in self.max_token_fields)
        return next((limit for limit in limits if isinstance(limit, int) and limit > 0), 0)

    def _in_a_form(self) -> bool:
        field, *inside = self.format_path
        format_path = self.value(field)
        for key in inside:
            format_path = format_path.get(key) if isinstance(format_path, dict) else None
        return isinstance(format_path, dict) and format_path.get("type", "text") != "text"
