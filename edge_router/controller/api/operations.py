"""Where each API is spoken."""

from collections.abc import Mapping
from collections.abc import Set as AbstractSet

from edge_router.controller.api.anthropic import CountTokensRequest, MessagesRequest
from edge_router.controller.api.error_format import ANTHROPIC, OLLAMA, OPENAI, RESPONSES, ErrorFormat
from edge_router.controller.api.json_request import Request
from edge_router.controller.api.ollama import (
    EmbeddingsRequest,
    EmbedRequest,
    GenerateRequest,
    OllamaChatRequest,
)
from edge_router.controller.api.openai import ChatRequest, CompletionRequest, EmbeddingRequest, ResponseRequest
from edge_router.controller.api.request import LlmRequest, Surface
from edge_router.controller.config import TextConfig

_OPENAI: Mapping[str, tuple[type[Request], ErrorFormat]] = {
    "/chat/completions": (ChatRequest, OPENAI),
    "/completions": (CompletionRequest, OPENAI),
    "/embeddings": (EmbeddingRequest, OPENAI),
    "/responses": (ResponseRequest, RESPONSES),
}
PATHS: Mapping[str, tuple[type[Request], ErrorFormat]] = {
    **{f"/v1{path}": spoken for path, spoken in _OPENAI.items()},
    **_OPENAI,
    "/v1/messages": (MessagesRequest, ANTHROPIC),
    "/v1/messages/count_tokens": (CountTokensRequest, ANTHROPIC),
    "/api/chat": (OllamaChatRequest, OLLAMA),
    "/api/generate": (GenerateRequest, OLLAMA),
    "/api/embed": (EmbedRequest, OLLAMA),
    "/api/embeddings": (EmbeddingsRequest, OLLAMA),
}
"""The old contract's clients leave `/v1` out."""


class Endpoint:
    """Satisfies `Surface`."""

    def __init__(
        self, kind: type[Request], error_format_of: ErrorFormat, section: TextConfig, names: AbstractSet[str]
    ) -> None:
        self.operation = kind.operation
        self._kind = kind
        self._wording = error_format_of
        self._section = section
        self._names = names

    def parse(self, body: bytes) -> LlmRequest:
        return self._kind.parse(body, self._section, self._names)

    def error(self, status: int, message: str, code: str | None) -> bytes:
        return self._wording.error(status, message, code)

    def stream_error(self, status: int, message: str) -> bytes:
        return self._wording.stream_error(status, message)


def surfaces(section: TextConfig, names: AbstractSet[str]) -> dict[str, Surface]:
    """By path. `names`: what a client may ask for as model."""
    return {path: Endpoint(kind, error_format_of, section, names) for path, (kind, error_format_of) in PATHS.items()}
