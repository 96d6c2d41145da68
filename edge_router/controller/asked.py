"""A client's request, whatever API it came by: what routing looks at, and what is sent on."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from edge_router.contract import STRATEGY_TRITON
from edge_router.controller.operation import Operation


@dataclass(frozen=True)
class Ask:
    """How the client wants to be routed: by the old contract's field, or by the `model` it names."""

    policy: str | None = None
    strategy: str = STRATEGY_TRITON
    model: str | None = None


@dataclass(frozen=True)
class Features:
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


class Translation(Protocol):
    """An upstream's answer becoming the client's, piece by piece. One object an answer."""

    content_type: str

    def feed(self, piece: bytes) -> bytes:
        """What can be said so far; empty while more is needed. Raises ValueError for what is no answer."""
        ...

    def end(self) -> bytes:
        """The rest, once the upstream's answer is complete. Raises ValueError for what is no answer."""
        ...


@dataclass(frozen=True)
class Outgoing:
    """What is sent to an upstream. `translation` is None where its answer is the client's, byte for byte."""

    operation: Operation
    body: bytes
    translation: Callable[[], Translation] | None = None


class Asked(Protocol):
    """Properties are computed when they are first read: a request that names its model is never taken apart."""

    @property
    def operation(self) -> Operation: ...
    @property
    def ask(self) -> Ask: ...
    @property
    def stream(self) -> bool: ...
    @property
    def text(self) -> str:
        """What is classified."""
        ...

    @property
    def features(self) -> Features: ...
    @property
    def user(self) -> str | None:
        """Who asks, by the client's own word (`user`, `metadata.user_id`)."""
        ...

    @property
    def conversation(self) -> str:
        """The same for every turn of a conversation: a hash of what it began with. Never its text."""
        ...

    def outgoing(self, speaks: frozenset[Operation], model: str) -> Outgoing | None:
        """The request for an upstream that speaks these operations, addressed to `model`; None where it cannot be
        said to it."""
        ...


class Surface(Protocol):
    """One endpoint of an API: reads its requests, words its errors."""

    operation: Operation

    def parse(self, body: bytes) -> Asked:
        """Raises RequestError saying which part of the body is wrong."""
        ...

    def error(self, status: int, message: str, code: str | None) -> bytes:
        """The body of an error, in the API's own shape."""
        ...

    def broken_off(self, status: int, message: str) -> bytes:
        """What a stream ends with when its upstream broke off in the middle: one error, and no word of an end."""
        ...
