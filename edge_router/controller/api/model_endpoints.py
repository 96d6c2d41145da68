"""The endpoints of OpenAI's and Ollama's APIs that list models, show one model, and tell the server's version."""

import hashlib
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute, Route

from edge_router.asgi.body import read_body
from edge_router.controller.api.model_catalog import ROUTER, Model, ModelCatalog
from edge_router.controller.api.operations import OPERATIONS
from edge_router.errors import ForbiddenError, RequestError

OLLAMA_VERSION = "0.13.5"
"""The version of Ollama's API that is implemented. Some clients refuse older servers; one of them needs 0.6.4."""
MANAGEMENT = (
    ("/api/create", "POST"),
    ("/api/pull", "POST"),
    ("/api/push", "POST"),
    ("/api/copy", "POST"),
    ("/api/delete", "DELETE"),
    ("/api/blobs/{digest}", "POST"),
)
"""Requests that would change the models of an Ollama upstream. All are refused."""
SHOW_BYTES = 64 * 1024


class ModelEndpoints:
    def __init__(self, catalog: Callable[[Request], ModelCatalog], started: datetime, receive_seconds: float) -> None:
        """`catalog`: the models that the request's caller may see; may raise RouterError. `started` in UTC.
        `receive_seconds`: time that a body may take to arrive."""
        self._catalog = catalog
        self._started = started
        self._receive_seconds = receive_seconds

    @property
    def routes(self) -> list[BaseRoute]:
        return [
            Route("/v1/models", self.models),
            Route("/v1/models/{name:path}", self.model),
            Route("/api/version", self.version),
            Route("/api/tags", self.tags),
            Route("/api/ps", self.running),
            Route("/api/show", self.show, methods=["POST"]),
            *(Route(path, self.refuse, methods=[method]) for path, method in MANAGEMENT),
            Route("/", self.alive),
        ]

    async def models(self, request: Request) -> Response:
        return json_response(
            {"object": "list", "data": [self._openai(model) for model in self._catalog(request).models()]}
        )

    async def model(self, request: Request) -> Response:
        return json_response(self._openai(self._catalog(request).model(request.path_params["name"])))

    async def alive(self, request: Request) -> Response:
        """Ollama's clients look for this text."""
        return PlainTextResponse("Ollama is running")

    async def version(self, request: Request) -> Response:
        return json_response({"version": OLLAMA_VERSION})

    async def tags(self, request: Request) -> Response:
        return json_response({"models": [self._ollama(model) for model in self._catalog(request).models()]})

    async def running(self, request: Request) -> Response:
        """Always empty: only the upstreams know which models are in memory."""
        return json_response({"models": []})

    async def show(self, request: Request) -> Response:
        content = await read_body(request.scope, request.receive, limit=SHOW_BYTES, seconds=self._receive_seconds)
        model = self._catalog(request).model(_model_name(content))
        context = {f"{ROUTER}.context_length": model.context} if model.context else {}
        return json_response(
            {
                "modified_at": self._started.isoformat(),
                "details": _details(model),
                "model_info": {"general.architecture": ROUTER, **context},
                "capabilities": _capabilities(model),
            }
        )

    async def refuse(self, request: Request) -> Response:
        raise ForbiddenError("models are not managed at this address; send this to the Ollama that holds them")

    def _openai(self, model: Model) -> dict[str, Any]:
        return {"id": model.name, "object": "model", "created": int(self._started.timestamp()), "owned_by": model.owner}

    def _ollama(self, model: Model) -> dict[str, Any]:
        """Ollama's names have a tag."""
        name = model.name if ":" in model.name else f"{model.name}:latest"
        return {
            "name": name,
            "model": name,
            "modified_at": self._started.isoformat(),
            "size": 0,
            "digest": hashlib.sha256(name.encode()).hexdigest(),
            "details": _details(model),
        }


class _ShowRequest(msgspec.Struct):
    """Older clients send `name`."""

    model: str = ""
    name: str = ""


def _model_name(content: bytes) -> str:
    try:
        request = msgspec.json.decode(content, type=_ShowRequest)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise RequestError("the body must be a JSON object in which model is a string") from None
    if not (request.model or request.name):
        raise RequestError("model is missing; GET /api/tags lists the models")
    return request.model or request.name


def _capabilities(model: Model) -> list[str]:
    """Capabilities that the router passes through. Only the upstream knows whether the model has them."""
    return list(
        dict.fromkeys(
            capability
            for operation, spec in OPERATIONS.items()
            if operation in model.operations
            for capability in spec.capabilities
        )
    )


def _details(model: Model) -> dict[str, Any]:
    return {
        "parent_model": "",
        "format": "",
        "family": model.owner,
        "families": [model.owner],
        "parameter_size": "",
        "quantization_level": "",
    }


def json_response(content: Mapping[str, Any], status: int = 200) -> Response:
    return Response(msgspec.json.encode(content), status, media_type="application/json")


def started_now() -> datetime:
    return datetime.now(UTC).replace(microsecond=0)
