"""`/openapi.json`: each path, its request schema and its error format."""

from collections.abc import Sequence
from typing import Any

from edge_router import __version__
from edge_router.controller.api.error_format import OLLAMA
from edge_router.controller.api.json_schema import STRING, STRING_OR_STRINGS, Schema, request_schema
from edge_router.controller.api.model_endpoints import MANAGEMENT
from edge_router.controller.api.operation import Operation
from edge_router.controller.api.operations import OPERATIONS, PATHS, error_format_of

JSON = "application/json"
POSTS = {
    "/v1/route": ("route", "where a request would go, and why"),
    "/api/show": ("show", "one model, as Ollama describes it"),
}
"""(schema, summary) by path, for requests with a body that are not operations of an LLM."""
GETS = {
    "/v1/models": "the models that a client may name",
    "/v1/models/{name}": "one of these models",
    "/api/version": "the version of Ollama's API",
    "/api/tags": "the models, as Ollama lists them",
    "/api/ps": "the models in memory: an empty list, because only the upstreams know",
    "/health": "the process runs",
    "/health/live": "the process runs",
    "/health/ready": "classifies a prompt; 503 if that fails",
    "/config": "the configuration as loaded, without keys",
    "/metrics": "metrics in Prometheus' format",
    "/openapi.json": "this document",
    "/": "the text that Ollama's clients look for",
}
SCHEMAS: dict[str, Schema] = {
    **{operation.value: spec.schema for operation, spec in OPERATIONS.items()},
    "route": request_schema(
        (), **{**OPERATIONS[Operation.CHAT].schema["properties"], "input": STRING_OR_STRINGS, "policy": STRING}
    ),
    "show": request_schema(),
}
"""The fields of each request that the router reads, by name of the operation. All other fields pass through."""
ERROR = {
    "type": "object",
    "required": ["error"],
    "properties": {
        "error": {
            "type": "object",
            "required": ["message", "type", "param", "code"],
            "properties": {
                "message": STRING,
                "type": STRING,
                "param": {"type": "null"},
                "code": {"type": ["string", "null"]},
            },
        }
    },
}
OLLAMA_ERROR = {"type": "object", "required": ["error"], "properties": {"error": STRING}}


def openapi_document() -> dict[str, Any]:
    """An OpenAPI 3.1 document."""
    return {
        "openapi": "3.1.0",
        "info": {"title": "edge-llm-router", "version": __version__},
        "security": [{}, {"bearer": []}, {"x-api-key": []}],
        "paths": _paths(),
        "components": {
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer"},
                "x-api-key": {"type": "apiKey", "in": "header", "name": "x-api-key"},
            },
            "schemas": {**SCHEMAS, "error": ERROR, "ollama_error": OLLAMA_ERROR},
        },
    }


def _paths() -> dict[str, Any]:
    paths: dict[str, Any] = {}
    for path, spec in PATHS.items():
        answers = [JSON, spec.stream] if spec.stream else [JSON]
        paths[path] = {"post": _post(path, spec.operation.value, f"a model's answer: {spec.summary}", answers)}
    for path, (schema, summary) in POSTS.items():
        paths[path] = {"post": _post(path, schema, summary, [JSON])}
    for path, summary in GETS.items():
        paths[path] = {"get": {"summary": summary, **_parameters(path), "responses": _responses(path, [JSON])}}
    for path, method in MANAGEMENT:
        refused = {"summary": "refused: this router does not manage models", "responses": {"403": _error(path)}}
        paths[path] = {method.lower(): {**refused, **_parameters(path)}}
    return paths


def _post(path: str, schema: str, summary: str, answers: Sequence[str]) -> Schema:
    body = {"required": True, "content": {JSON: {"schema": _reference(schema)}}}
    return {"summary": summary, "requestBody": body, "responses": _responses(path, answers)}


def _responses(path: str, content_types: Sequence[str]) -> Schema:
    content: Schema = {content_type: {} for content_type in content_types}
    return {"200": {"description": "the answer", "content": content}, "default": _error(path)}


def _error(path: str) -> Schema:
    name = "ollama_error" if error_format_of(path) is OLLAMA else "error"
    return {"description": "the request was refused or failed", "content": {JSON: {"schema": _reference(name)}}}


def _reference(name: str) -> Schema:
    return {"$ref": f"#/components/schemas/{name}"}


def _parameters(path: str) -> Schema:
    names = [part[1:-1] for part in path.split("/") if part.startswith("{")]
    return {"parameters": [{"name": name, "in": "path", "required": True, "schema": STRING} for name in names]}
