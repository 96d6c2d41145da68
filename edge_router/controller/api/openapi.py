"""`/openapi.json`: every address, what is read of its requests, and the shape of its errors."""

from collections.abc import Mapping
from typing import Any

from edge_router import __version__
from edge_router.contract import ROUTER_FIELD, STRATEGY_MANUAL, STRATEGY_TRITON
from edge_router.controller.api.model_endpoints import MANAGEMENT
from edge_router.controller.api.operations import PATHS

Schema = Mapping[str, Any]

_TEXT: Schema = {"type": "string"}
_FLAG: Schema = {"type": "boolean"}
_NUMBER: Schema = {"type": "integer"}
_OBJECT: Schema = {"type": "object"}
_OBJECTS: Schema = {"type": "array", "items": _OBJECT}
_TEXTS: Schema = {"oneOf": [_TEXT, {"type": "array", "items": _TEXT}]}
_ROUTER: Schema = {
    "type": "object",
    "required": ["policy"],
    "properties": {
        "policy": _TEXT,
        "routing_strategy": {"enum": [STRATEGY_TRITON, STRATEGY_MANUAL]},
        "model": {"type": "string", "description": "a label of the policy, where the strategy is manual"},
    },
}


def _request(required: tuple[str, ...] = ("model",), **properties: Schema) -> Schema:
    return {
        "type": "object",
        "required": required,
        "properties": {"model": _TEXT, **properties},
        "additionalProperties": True,
    }


_CHAT: Mapping[str, Schema] = {
    "messages": _OBJECTS,
    "stream": _FLAG,
    "tools": _OBJECTS,
    "response_format": _OBJECT,
    "max_tokens": _NUMBER,
    "max_completion_tokens": _NUMBER,
    "user": _TEXT,
    ROUTER_FIELD: _ROUTER,
}
REQUESTS: Mapping[str, Schema] = {
    "chat": _request(("messages",), **_CHAT),
    "completions": _request(
        ("prompt",), prompt=_TEXTS, stream=_FLAG, max_tokens=_NUMBER, user=_TEXT, **{ROUTER_FIELD: _ROUTER}
    ),
    "embeddings": _request(("model", "input"), input=_TEXTS, user=_TEXT),
    "responses": _request(
        input={"oneOf": [_TEXT, _OBJECTS]},
        instructions=_TEXT,
        stream=_FLAG,
        tools=_OBJECTS,
        text=_OBJECT,
        max_output_tokens=_NUMBER,
        user=_TEXT,
    ),
    "messages": _request(
        ("model", "messages"), messages=_OBJECTS, stream=_FLAG, tools=_OBJECTS, max_tokens=_NUMBER, metadata=_OBJECT
    ),
    "count_tokens": _request(("model", "messages"), messages=_OBJECTS, tools=_OBJECTS),
    "ollama_chat": _request(messages=_OBJECTS, stream=_FLAG, tools=_OBJECTS, options=_OBJECT, format={}, think={}),
    "ollama_generate": _request(
        prompt=_TEXT, system=_TEXT, images={"type": "array", "items": _TEXT}, stream=_FLAG, options=_OBJECT, think={}
    ),
    "ollama_embed": _request(("model", "input"), input=_TEXTS, dimensions=_NUMBER),
    "ollama_embeddings": _request(("model", "prompt"), prompt=_TEXT),
    "route": _request((), input=_TEXTS, policy=_TEXT, **_CHAT),
    "show": _request(),
}
"""Of each operation, the fields that are looked at; others pass through. Named by the operation."""
ERROR = {
    "type": "object",
    "required": ["error"],
    "properties": {
        "error": {
            "type": "object",
            "required": ["message", "type", "param", "code"],
            "properties": {
                "message": _TEXT,
                "type": _TEXT,
                "param": {"type": "null"},
                "code": {"type": ["string", "null"]},
            },
        }
    },
}
OLLAMA_ERROR = {"type": "object", "required": ["error"], "properties": {"error": _TEXT}}
READ = {
    "/v1/models": "the models a client may name",
    "/v1/models/{name}": "one of them",
    "/api/version": "the version of Ollama's API",
    "/api/tags": "the models, as Ollama lists them",
    "/api/ps": "the models in memory; only their upstreams know",
    "/health": "the process runs",
    "/health/live": "the process runs",
    "/health/ready": "a prompt is classified now; 503 where it cannot be",
    "/config": "the routes as loaded, without keys",
    "/metrics": "Prometheus' figures",
    "/openapi.json": "this document",
    "/": "what Ollama's clients look for",
}


def document() -> dict[str, Any]:
    """OpenAPI 3.1."""
    paths: dict[str, Any] = {}
    for path, (kind, _) in PATHS.items():
        paths[path] = {"post": _post(path, kind.operation, "a model's answer", streams=True)}
    paths["/v1/route"] = {"post": _post("/v1/route", "route", "where a request would go, and why")}
    paths["/api/show"] = {"post": _post("/api/show", "show", "one model, as Ollama describes it")}
    for path, summary in READ.items():
        paths[path] = {"get": {"summary": summary, **_parameters(path), "responses": _responses(path)}}
    for path, method in MANAGEMENT:
        refused = {"summary": "refused: models are not managed here", "responses": {"403": _failure(path)}}
        paths[path] = {method.lower(): {**refused, **_parameters(path)}}
    return {
        "openapi": "3.1.0",
        "info": {"title": "edge-llm-router", "version": __version__},
        "security": [{}, {"bearer": []}, {"x-api-key": []}],
        "paths": paths,
        "components": {
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer"},
                "x-api-key": {"type": "apiKey", "in": "header", "name": "x-api-key"},
            },
            "schemas": {**REQUESTS, "error": ERROR, "ollama_error": OLLAMA_ERROR},
        },
    }


def _post(path: str, name: str, summary: str, *, streams: bool = False) -> Schema:
    body = {"required": True, "content": {"application/json": {"schema": _named(name)}}}
    return {"summary": summary, "requestBody": body, "responses": _responses(path, streams=streams)}


def _responses(path: str, *, streams: bool = False) -> Schema:
    kinds = ["application/json"]
    if streams:
        kinds.append("application/x-ndjson" if path.startswith("/api/") else "text/event-stream")
    return {"200": {"description": "answered", "content": {kind: {} for kind in kinds}}, "default": _failure(path)}


def _failure(path: str) -> Schema:
    name = "ollama_error" if path.startswith("/api/") else "error"
    return {"description": "refused or failed", "content": {"application/json": {"schema": _named(name)}}}


def _named(name: str) -> Schema:
    return {"$ref": f"#/components/schemas/{name}"}


def _parameters(path: str) -> Schema:
    names = [part[1:-1] for part in path.split("/") if part.startswith("{")]
    return {"parameters": [{"name": name, "in": "path", "required": True, "schema": _TEXT} for name in names]}
