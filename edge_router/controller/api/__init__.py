"""The APIs that clients speak: operations, requests, error formats, models and translation between APIs.

The lowest package of the controller: it imports none of the others. `model_endpoints` and `openapi`, which need a web
framework, are imported by their own names.
"""

from edge_router.controller.api.dry_run import answer_dry_run
from edge_router.controller.api.error_format import ErrorFormat
from edge_router.controller.api.event_stream import EVENT_STREAM, JSON_LINES, EventStreamParser, JsonLinesParser
from edge_router.controller.api.json_request import BYTES_PER_TOKEN
from edge_router.controller.api.message import Message
from edge_router.controller.api.model_catalog import Model, ModelCatalog, ModelNotFoundError
from edge_router.controller.api.operation import Operation
from edge_router.controller.api.operation_spec import OperationSpec
from edge_router.controller.api.operations import (
    ANTHROPIC_OPERATIONS,
    EMBEDDING_OPERATIONS,
    KINDS,
    OPERATIONS,
    PATHS,
    error_format_of,
)
from edge_router.controller.api.prompt_text import classified_text, is_background_task
from edge_router.controller.api.request import (
    LlmRequest,
    RequestFeatures,
    ResponseTranslation,
    RoutingHint,
    UpstreamRequest,
)

__all__ = [
    "ANTHROPIC_OPERATIONS",
    "BYTES_PER_TOKEN",
    "EMBEDDING_OPERATIONS",
    "EVENT_STREAM",
    "JSON_LINES",
    "KINDS",
    "OPERATIONS",
    "PATHS",
    "ErrorFormat",
    "EventStreamParser",
    "JsonLinesParser",
    "LlmRequest",
    "Message",
    "Model",
    "ModelCatalog",
    "ModelNotFoundError",
    "Operation",
    "OperationSpec",
    "RequestFeatures",
    "ResponseTranslation",
    "RoutingHint",
    "UpstreamRequest",
    "answer_dry_run",
    "classified_text",
    "error_format_of",
    "is_background_task",
]
