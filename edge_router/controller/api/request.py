"""A client's request, whatever API it came by: what routing looks at, and what is sent on."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from edge_router.contract import STRATEGY_TRITON
from edge_router.controller.api.operation import Operation


@dataclass(frozen=True)
class RoutingHint:
    """How the client wants to be routed: by the old contract's field, or by the `model` it names."""

    policy: str | None = None
    strategy: str = STRATEGY_TRITON
    model: str | None = None


@dataclass(frozen=True)
class RequestFeatures:
    """What is seen of a request without a network."""

    tokens: int = 0
    """Of everything sent, estimated: four bytes of UTF-8 a token."""
    answer_tokens: int = 0
    """What the client lets the answer take (`max_tokens` and its like); 0 where it does not say."""
    tools: bool = False
    images: bool = False
    response_format: bool = False
    helper: bool = False
    """A chat UI's own question about a conversation (its title, tags, a search query), not its user's."""


class ResponseTranslation(Protocol):
    """An upstream's answer becoming the client's, piece by piece. One object an answer."""

    content_type: str

    def feed(self, piece: bytes) -> bytes:
        """What can be said so far; empty while more is needed. Raises ValueError for what is no answer."""
        ...

    def end(self) -> bytes:
        """The rest, once the upstream's answer is complete. Raises ValueError for what is no answer."""
        ...


@dataclass(frozen=True)
class UpstreamRequest:
    """What is sent to an upstream. `translation` is None where its answer is the client's, byte for byte."""

    operation: Operation
    body: bytes
    translation: Callable[[], ResponseTranslation] | None = None


class LlmRequest(Protocol):
    """Properties are computed when they are first read: a request that names its model is never taken apart."""

    @property
    def operation(self) -> Operation: ...
    @property
    def hint(self) -> RoutingHint: ...
    @property
    def stream(self) -> bool: ...
    @property
    def text(self) -> str:
        """What is classified."""
        ...

    @property
    def features(self) -> RequestFeatures: ...
    @property
    def user(self) -> str | None:
        """Who asks, by the client's own word (`user`, `metadata.user_id`)."""
        ...

    @property
    def conversation(self) -> str:
        """The same for every turn of a conversation: a hash of what it began with. Never its text."""
        ...

    def to_upstream(self, speaks: frozenset[Operation], model: str) -> UpstreamRequest | None:
        """The request for an upstream that speaks these operations, addressed to `model`; None where it cannot be
        said to it."""
        ...


class Surface(Protocol):
    """One endpoint of an API: reads its requests, words its errors."""

    operation: Operation

    def parse(self, body: bytes) -> LlmRequest:
        """Raises RequestError saying which part of the body is wrong."""
        ...

    def error(self, status: int, message: str, code: str | None) -> bytes:
        """The body of an error, in the API's own shape."""
        ...

    def stream_error(self, status: int, message: str) -> bytes:
        """What a stream ends with when its upstream broke off in the middle: one error, and no word of an end."""
        ...
