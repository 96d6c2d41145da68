"""What clients ask before they ask a model: which there are, and who answers. As OpenAI and as Ollama say it."""

import hashlib
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import msgspec
import orjson
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute, Route

from edge_router.asgi.body import read_body
from edge_router.controller.api.models import OURS, Model, ModelCatalog
from edge_router.controller.api.operation import Operation
from edge_router.errors import ForbiddenError, RequestError

OLLAMA_VERSION = "0.13.5"
"""Whose API is spoken here. Clients refuse one they take for too old: below 0.6.4 among those seen."""
MANAGEMENT = (
    ("/api/create", "POST"),
    ("/api/pull", "POST"),
    ("/api/push", "POST"),
    ("/api/copy", "POST"),
    ("/api/delete", "DELETE"),
    ("/api/blobs/{digest}", "POST"),
)
"""Would change what the Ollama behind this address holds."""
CAPABILITIES = {
    Operation.CHAT: ("completion", "tools", "vision"),
    Operation.OLLAMA_CHAT: ("completion", "tools", "vision"),
    Operation.EMBEDDINGS: ("embedding",),
}
"""What passes through here; whether a model makes use of it is for its upstream to say."""
SHOW_BYTES = 64 * 1024


class ModelEndpoints:
    def __init__(self, seen: Callable[[Request], ModelCatalog], started: datetime, seconds: float) -> None:
        """`seen`: the catalogue as the request's caller may see it; may raise a RouterError. `started` in UTC.
        `seconds` a request may take to come."""
        self._seen = seen
        self._started = started
        self._seconds = seconds

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
        return _json({"object": "list", "data": [self._openai(model) for model in self._seen(request).models()]})

    async def model(self, request: Request) -> Response:
        return _json(self._openai(self._seen(request).model(request.path_params["name"])))

    async def alive(self, request: Request) -> Response:
        """What Ollama's clients look for."""
        return PlainTextResponse("Ollama is running")

    async def version(self, request: Request) -> Response:
        return _json({"version": OLLAMA_VERSION})

    async def tags(self, request: Request) -> Response:
        return _json({"models": [self._ollama(model) for model in self._seen(request).models()]})

    async def running(self, request: Request) -> Response:
        """Which models are in memory only their upstreams know."""
        return _json({"models": []})

    async def show(self, request: Request) -> Response:
        content = await read_body(request.scope, request.receive, limit=SHOW_BYTES, seconds=self._seconds)
        model = self._seen(request).model(_named(content))
        context = {f"{OURS}.context_length": model.context} if model.context else {}
        capabilities = [
            can for operation, those in CAPABILITIES.items() if operation in model.operations for can in those
        ]
        return _json(
            {
                "modified_at": self._started.isoformat(),
                "details": _details(model),
                "model_info": {"general.architecture": OURS, **context},
                "capabilities": list(dict.fromkeys(capabilities)),
            }
        )

    async def refuse(self, request: Request) -> Response:
        raise ForbiddenError("models are not managed at this address; ask the Ollama that holds them")

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


class _Shown(msgspec.Struct):
    """`name` is what older clients say."""

    model: str = ""
    name: str = ""


def _named(content: bytes) -> str:
    try:
        shown = msgspec.json.decode(content, type=_Shown)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise RequestError("the body must be a JSON object with model") from None
    if not (shown.model or shown.name):
        raise RequestError("model is missing; GET /api/tags lists what there is")
    return shown.model or shown.name


def _details(model: Model) -> dict[str, Any]:
    return {
        "parent_model": "",
        "format": "",
        "family": model.owner,
        "families": [model.owner],
        "parameter_size": "",
        "quantization_level": "",
    }


def _json(content: dict[str, Any]) -> Response:
    return Response(orjson.dumps(content), media_type="application/json")


def started_now() -> datetime:
    return datetime.now(UTC).replace(microsecond=0)
