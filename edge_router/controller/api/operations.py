"""The table of operations: paths for clients and of upstreams, request types, error formats, schemas, span names.

All code that depends on the operation reads it here.

A test compares the tables in `docs/clients.md` with it.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from edge_router.controller.api.anthropic import MessagesRequest
from edge_router.controller.api.error_format import ANTHROPIC, OLLAMA, OPENAI, RESPONSES, ErrorFormat
from edge_router.controller.api.event_stream import EVENT_STREAM, JSON_LINES
from edge_router.controller.api.json_schema import (
    BOOLEAN,
    INTEGER,
    OBJECT,
    OBJECTS,
    ROUTER,
    STRING,
    STRING_OR_STRINGS,
    STRINGS,
    request_schema,
)
from edge_router.controller.api.ollama import (
    OllamaChatRequest,
    OllamaEmbeddingsRequest,
    OllamaEmbedRequest,
    OllamaGenerateRequest,
)
from edge_router.controller.api.openai import ChatRequest, CompletionRequest, EmbeddingRequest, ResponseRequest
from edge_router.controller.api.operation import Operation
from edge_router.controller.api.operation_spec import OperationSpec

TEXT_MODEL = ("completion", "tools", "vision")
EMBEDDING_MODEL = ("embedding",)


def _openai(path: str) -> Mapping[str, str]:
    """Paths of an operation that all kinds of upstream may answer."""
    return {"openai": path, "ollama": f"/v1{path}", "anthropic": path}


_TABLE = (
    OperationSpec(
        Operation.CHAT, "a chat", paths=("/v1/chat/completions", "/chat/completions"),
        request=ChatRequest, error_format=OPENAI, stream=EVENT_STREAM,
        upstream_paths=_openai("/chat/completions"), spoken_by=("openai", "ollama", "anthropic"), span="chat",
        schema=request_schema(
            ("messages",), messages=OBJECTS, stream=BOOLEAN, tools=OBJECTS, response_format=OBJECT,
            max_tokens=INTEGER, max_completion_tokens=INTEGER, user=STRING, **ROUTER,
        ),
        capabilities=TEXT_MODEL,
    ),
    OperationSpec(
        Operation.COMPLETIONS, "the completion of a prompt", paths=("/v1/completions", "/completions"),
        request=CompletionRequest, error_format=OPENAI, stream=EVENT_STREAM,
        upstream_paths=_openai("/completions"), spoken_by=("openai", "ollama"), span="text_completion",
        schema=request_schema(
            ("prompt",), prompt=STRING_OR_STRINGS, stream=BOOLEAN, max_tokens=INTEGER, user=STRING, **ROUTER
        ),
    ),
    OperationSpec(
        Operation.EMBEDDINGS, "embeddings of texts", paths=("/v1/embeddings", "/embeddings"),
        request=EmbeddingRequest, error_format=OPENAI, stream=None,
        upstream_paths=_openai("/embeddings"), spoken_by=("openai", "ollama"), span="embeddings",
        schema=request_schema(("model", "input"), input=STRING_OR_STRINGS, user=STRING),
        capabilities=EMBEDDING_MODEL, embeds=True,
    ),
    OperationSpec(
        Operation.RESPONSES, "a chat, by OpenAI's Responses API", paths=("/v1/responses", "/responses"),
        request=ResponseRequest, error_format=RESPONSES, stream=EVENT_STREAM,
        upstream_paths=_openai("/responses"), spoken_by=("ollama",), span="chat",
        schema=request_schema(
            input={"oneOf": [STRING, OBJECTS]}, instructions=STRING, stream=BOOLEAN, tools=OBJECTS, text=OBJECT,
            max_output_tokens=INTEGER, user=STRING,
        ),
    ),
    OperationSpec(
        Operation.MESSAGES, "a chat, by Anthropic's Messages API", paths=("/v1/messages",),
        request=MessagesRequest, error_format=ANTHROPIC, stream=EVENT_STREAM,
        upstream_paths=_openai("/messages"), spoken_by=("ollama", "anthropic"), span="chat",
        schema=request_schema(
            ("model", "messages"), messages=OBJECTS, stream=BOOLEAN, tools=OBJECTS, max_tokens=INTEGER,
            metadata=OBJECT,
        ),
        anthropic=True,
    ),
    OperationSpec(
        Operation.COUNT_TOKENS, "the number of tokens of such a chat", paths=("/v1/messages/count_tokens",),
        request=MessagesRequest, error_format=ANTHROPIC, stream=None,
        upstream_paths=dict.fromkeys(("openai", "anthropic"), "/messages/count_tokens"), spoken_by=("anthropic",),
        span="count_tokens", schema=request_schema(("model", "messages"), messages=OBJECTS, tools=OBJECTS),
        anthropic=True,
    ),
    OperationSpec(
        Operation.OLLAMA_CHAT, "a chat, by Ollama's API", paths=("/api/chat",),
        request=OllamaChatRequest, error_format=OLLAMA, stream=JSON_LINES,
        upstream_paths={"ollama": "/api/chat"}, spoken_by=("ollama",), span="chat",
        schema=request_schema(messages=OBJECTS, stream=BOOLEAN, tools=OBJECTS, options=OBJECT, format={}, think={}),
        capabilities=TEXT_MODEL,
    ),
    OperationSpec(
        Operation.OLLAMA_GENERATE, "the completion of a prompt, by Ollama's API", paths=("/api/generate",),
        request=OllamaGenerateRequest, error_format=OLLAMA, stream=JSON_LINES,
        upstream_paths={"ollama": "/api/generate"}, spoken_by=("ollama",), span="text_completion",
        schema=request_schema(
            prompt=STRING, system=STRING, images=STRINGS, stream=BOOLEAN, options=OBJECT, think={}
        ),
    ),
    OperationSpec(
        Operation.OLLAMA_EMBED, "embeddings of texts, by Ollama's API", paths=("/api/embed",),
        request=OllamaEmbedRequest, error_format=OLLAMA, stream=None,
        upstream_paths={"ollama": "/api/embed"}, spoken_by=("ollama",), span="embeddings",
        schema=request_schema(("model", "input"), input=STRING_OR_STRINGS, dimensions=INTEGER),
        capabilities=EMBEDDING_MODEL, embeds=True,
    ),
    OperationSpec(
        Operation.OLLAMA_EMBEDDINGS, "the embedding of one text, by Ollama's older API", paths=("/api/embeddings",),
        request=OllamaEmbeddingsRequest, error_format=OLLAMA, stream=None,
        upstream_paths={"ollama": "/api/embeddings"}, spoken_by=("ollama",), span="embeddings",
        schema=request_schema(("model", "prompt"), prompt=STRING),
        capabilities=EMBEDDING_MODEL, embeds=True,
    ),
)  # fmt: skip

OPERATIONS: Mapping[Operation, OperationSpec] = {spec.operation: spec for spec in _TABLE}
PATHS: Mapping[str, OperationSpec] = {path: spec for spec in _TABLE for path in spec.paths}
"""The operation of each path that clients use."""
EMBEDDING_OPERATIONS = frozenset(spec.operation for spec in _TABLE if spec.embeds)
ANTHROPIC_OPERATIONS = frozenset(spec.operation for spec in _TABLE if spec.anthropic)


class UpstreamKind(NamedTuple):
    """`paths`: below the upstream's url, of all operations that the kind can answer. `speaks`: the operations that it
    answers by default."""

    paths: Mapping[Operation, str]
    speaks: Sequence[Operation]


KINDS: Mapping[str, UpstreamKind] = {
    kind: UpstreamKind(
        {spec.operation: spec.upstream_paths[kind] for spec in _TABLE if kind in spec.upstream_paths},
        [spec.operation for spec in _TABLE if kind in spec.spoken_by],
    )
    for kind in ("openai", "ollama", "anthropic")
}


def error_format_of(path: str) -> ErrorFormat:
    """The error format of a client's path, also of one where nothing answers: that of the operation at the path or
    above it; below `/api/` Ollama's; else OpenAI's."""
    above = path
    while above:
        if above in PATHS:
            return PATHS[above].error_format
        above = above.rpartition("/")[0]
    return OLLAMA if path.startswith("/api/") else OPENAI
