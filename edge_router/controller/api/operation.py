"""What a client may ask of an LLM, and where each kind of upstream answers it."""

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import NamedTuple


class Operation(StrEnum):
    """One endpoint's request and answer. The value is the word in `routes.yaml`, in metrics and in messages."""

    CHAT = "chat"
    COMPLETIONS = "completions"
    EMBEDDINGS = "embeddings"
    RESPONSES = "responses"
    MESSAGES = "messages"
    COUNT_TOKENS = "count_tokens"
    OLLAMA_CHAT = "ollama_chat"
    OLLAMA_GENERATE = "ollama_generate"
    OLLAMA_EMBED = "ollama_embed"
    OLLAMA_EMBEDDINGS = "ollama_embeddings"


ANTHROPIC = frozenset((Operation.MESSAGES, Operation.COUNT_TOKENS))
"""Operations of Anthropic's API; upstreams of other kinds answer them too."""


class Kind(NamedTuple):
    """`paths`: below the upstream's url. `speaks`: what such an upstream is taken to answer where it does not say."""

    paths: Mapping[Operation, str]
    speaks: Sequence[Operation]


_OPENAI: Mapping[Operation, str] = {
    Operation.CHAT: "/chat/completions",
    Operation.COMPLETIONS: "/completions",
    Operation.EMBEDDINGS: "/embeddings",
    Operation.RESPONSES: "/responses",
    Operation.MESSAGES: "/messages",
    Operation.COUNT_TOKENS: "/messages/count_tokens",
}
_OLLAMA: Mapping[Operation, str] = {
    **{operation: f"/v1{path}" for operation, path in _OPENAI.items() if operation != Operation.COUNT_TOKENS},
    Operation.OLLAMA_CHAT: "/api/chat",
    Operation.OLLAMA_GENERATE: "/api/generate",
    Operation.OLLAMA_EMBED: "/api/embed",
    Operation.OLLAMA_EMBEDDINGS: "/api/embeddings",
}

KINDS: Mapping[str, Kind] = {
    "openai": Kind(_OPENAI, (Operation.CHAT, Operation.COMPLETIONS, Operation.EMBEDDINGS)),
    "ollama": Kind(_OLLAMA, tuple(_OLLAMA)),
    "anthropic": Kind(_OPENAI, (Operation.MESSAGES, Operation.COUNT_TOKENS, Operation.CHAT)),
}
