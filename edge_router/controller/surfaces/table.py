"""Where each API is spoken."""

from collections.abc import Mapping
from collections.abc import Set as AbstractSet

from edge_router.controller.asked import Asked, Surface
from edge_router.controller.routes.text import TextSection
from edge_router.controller.surfaces.anthropic import CountTokensRequest, MessagesRequest
from edge_router.controller.surfaces.envelope import ANTHROPIC, OLLAMA, OPENAI, RESPONSES, Wording
from edge_router.controller.surfaces.ollama import (
    EmbeddingsRequest,
    EmbedRequest,
    GenerateRequest,
    OllamaChatRequest,
)
from edge_router.controller.surfaces.openai import ChatRequest, CompletionRequest, EmbeddingRequest, ResponseRequest
from edge_router.controller.surfaces.request import Request

_OPENAI: Mapping[str, tuple[type[Request], Wording]] = {
    "/chat/completions": (ChatRequest, OPENAI),
    "/completions": (CompletionRequest, OPENAI),
    "/embeddings": (EmbeddingRequest, OPENAI),
    "/responses": (ResponseRequest, RESPONSES),
}
PATHS: Mapping[str, tuple[type[Request], Wording]] = {
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

    def __init__(self, kind: type[Request], wording: Wording, section: TextSection, names: AbstractSet[str]) -> None:
        self.operation = kind.operation
        self._kind = kind
        self._wording = wording
        self._section = section
        self._names = names

    def parse(self, body: bytes) -> Asked:
        return self._kind.parse(body, self._section, self._names)

    def error(self, status: int, message: str, code: str | None) -> bytes:
        return self._wording.error(status, message, code)

    def broken_off(self, status: int, message: str) -> bytes:
        return self._wording.broken_off(status, message)


def surfaces(section: TextSection, names: AbstractSet[str]) -> dict[str, Surface]:
    """By path. `names`: what a client may ask for as model."""
    return {path: Endpoint(kind, wording, section, names) for path, (kind, wording) in PATHS.items()}
