"""A client's request in one form for all APIs, and the request that an upstream gets for it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from edge_router.contract import STRATEGY_TRITON
from edge_router.controller.api.message import Message
from edge_router.controller.api.operation import Operation


@dataclass(frozen=True)
class RoutingHint:
    """The client's wish: a policy and strategy from the old contract's field, or the `model` of the request."""

    policy: str | None = None
    strategy: str = STRATEGY_TRITON
    model: str | None = None


@dataclass(frozen=True)
class RequestFeatures:
    """Properties of a request that need no classification."""

    tokens: int = 0
    """Estimated tokens of everything sent: four bytes of UTF-8 a token."""
    answer_tokens: int = 0
    """The client's limit for the answer, such as `max_tokens`; 0 if there is none."""
    tools: bool = False
    images: bool = False
    response_format: bool = False
    background_task: bool = False
    """The request is a chat UI's own, for a title, tags or a search query, and not its user's."""


class ResponseTranslation(Protocol):
    """Translates one answer of an upstream into the client's API, piece by piece."""

    content_type: str

    def feed(self, piece: bytes) -> bytes:
        """Returns what `piece` completes; empty if more is needed. Raises ValueError if it is not an answer."""
        ...

    def end(self) -> bytes:
        """Returns the rest once the upstream's answer is complete. Raises ValueError if it is not an answer."""
        ...


@dataclass(frozen=True)
class UpstreamRequest:
    """A request to an upstream. `translation` is None if its answer is passed to the client byte for byte."""

    operation: Operation
    body: bytes
    translation: Callable[[], ResponseTranslation] | None = None


class LlmRequest(Protocol):
    """Properties are computed on first use: the messages of a request that names its model are never parsed."""

    @property
    def operation(self) -> Operation: ...
    @property
    def hint(self) -> RoutingHint: ...
    @property
    def stream(self) -> bool: ...
    @property
    def messages(self) -> Sequence[Message]:
        """Empty for embeddings. Raises RequestError."""
        ...

    @property
    def features(self) -> RequestFeatures:
        """Raises RequestError."""
        ...

    @property
    def user(self) -> str | None:
        """The client's name for its user (`user`, `metadata.user_id`)."""
        ...

    @property
    def conversation(self) -> str:
        """Identity of a conversation: a hash of its first messages, equal for all its requests. It holds no text."""
        ...

    def to_upstream(self, speaks: frozenset[Operation], model: str) -> UpstreamRequest | None:
        """The request for an upstream that answers the operations `speaks`, addressed to `model`. None if the request
        cannot be expressed in any of them."""
        ...
