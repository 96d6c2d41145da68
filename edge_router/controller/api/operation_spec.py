"""The properties of an operation: one row of the table in `operations`."""

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from edge_router.controller.api.error_format import ErrorFormat
from edge_router.controller.api.json_request import JsonRequest
from edge_router.controller.api.json_schema import Schema
from edge_router.controller.api.operation import Operation
from edge_router.controller.api.request import LlmRequest


@dataclass(frozen=True)
class OperationSpec:
    """Every operation is a POST.

    summary: what it answers, for `/openapi.json`.
    paths: paths for clients. Clients of the old contract omit `/v1`.
    error_format: also of errors that are raised before the request is read.
    stream: content type of a streamed answer; None if the answer is never streamed.
    upstream_paths: path below an upstream's url, by kind of upstream.
    spoken_by: kinds of upstream that answer it by default, without the key `speaks`.
    span: OpenTelemetry's `gen_ai.operation.name`.
    schema: JSON schema of the request.
    capabilities: what Ollama's `/api/show` says of a model that answers it.
    embeds: it answers with vectors. They have no fallback, because vectors of two models cannot be compared.
    anthropic: needs Anthropic's headers.
    """

    operation: Operation
    summary: str
    paths: Sequence[str]
    request: type[JsonRequest]
    error_format: ErrorFormat
    stream: str | None
    upstream_paths: Mapping[str, str]
    spoken_by: Sequence[str]
    span: str
    schema: Schema
    capabilities: Sequence[str] = ()
    embeds: bool = False
    anthropic: bool = False

    def parse(self, body: bytes, names: AbstractSet[str] = frozenset()) -> LlmRequest:
        """`names`: what a client may ask for as model. Raises RequestError."""
        return self.request.parse(self.operation, body, names)
