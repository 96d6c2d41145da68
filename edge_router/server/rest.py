"""V2 over HTTP: https://github.com/kserve/open-inference-protocol and Triton's extensions. A pure ASGI application."""

import re
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, NamedTuple, TypeAlias, TypeVar

import msgspec
import structlog

from edge_router.asgi.body import BodyBudget, Reserve, read_body
from edge_router.asgi.disconnect import CancelOnDisconnect
from edge_router.asgi.response import SimpleResponse
from edge_router.asgi.types import Receive, Scope, Send
from edge_router.errors import NotFoundError, RequestError, RouterError
from edge_router.server import metadata
from edge_router.server.compression import compress, decompress, negotiate_encoding
from edge_router.server.inference import Inference
from edge_router.server.raw import raw_request
from edge_router.server.registry import ModelRegistry
from edge_router.server.settings import ServerSettings
from edge_router.server.statistics import Statistics
from edge_router.v2.request import decode_request
from edge_router.v2.response import encode_response

log = structlog.get_logger()

HEADER_LENGTH = "inference-header-content-length"
JSON = "application/json"
BINARY = "application/octet-stream"
DIGITS = re.compile("[0-9]+")
MAX_LENGTH_DIGITS = 18
"""Digits of the largest number that Inference-Header-Content-Length may hold."""

Decoded = TypeVar("Decoded")


class Request(NamedTuple):
    """An HTTP request with its whole body."""

    scope: Scope
    receive: Receive
    body: bytes

    def header(self, name: str) -> str:
        """The first value of a header; empty when the client sent none."""
        encoded = name.encode()
        return next((value.decode("latin-1") for key, value in self.scope["headers"] if key == encoded), "")


Handler: TypeAlias = Callable[[Request], Awaitable[SimpleResponse]]


class RestApi:
    """The V2 endpoints as an ASGI application; turns every error into a V2 error response."""

    def __init__(
        self, registry: ModelRegistry, inference: Inference, statistics: Statistics, settings: ServerSettings
    ) -> None:
        self._registry = registry
        self._inference = inference
        self._statistics = statistics
        self._settings = settings
        self._body_budget = BodyBudget(settings.held_bytes)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        with self._body_budget.reservation() as reserve:
            response = await self._respond(scope, receive, reserve)
        await response.send(send)

    async def _respond(self, scope: Scope, receive: Receive, reserve: Reserve) -> SimpleResponse:
        path = scope["path"]
        try:
            # Read the body of every request: a connection with an unread body cannot be used again.
            request = Request(scope, receive, await self._body(scope, receive, reserve))
            handlers = self._handlers(path.removeprefix("/").split("/"))
            if handlers is None:
                raise NotFoundError(f"no such endpoint: {path}")
            handler = handlers.get(scope["method"])
            if handler is None:
                return _error(405, f"{path} takes {', '.join(handlers)}", {"allow": ", ".join(handlers)})
            return await handler(request)
        except RouterError as error:
            return _error(error.status, str(error), {"retry-after": "1"} if error.status == 503 else {})
        except Exception as error:
            log.error("request failed", path=path, error=type(error).__name__)
            return _error(500, "the server failed on this request; its log names the error")

    def _handlers(self, path: list[str]) -> Mapping[str, Handler] | None:
        """The handlers of a path by method; None for a path that does not exist."""
        match path:
            case ["v2"]:
                return {"GET": self._server}
            case ["v2", "health", "live" | "ready"]:
                return {"GET": self._healthy}
            case ["v2", "repository", "index"]:
                return {"POST": self._index}
            case ["v2", "repository", "models", model, "load"]:
                return {"POST": lambda request: self._load(request, model)}
            case ["v2", "repository", "models", model, "unload"]:
                return {"POST": lambda request: self._unload(request, model)}
            case ["v2", "models", "stats"]:
                return {"GET": lambda request: self._model_statistics("", "")}
            case ["v2", "models", model, *rest]:
                return self._model_handlers(model, rest)
        return None

    def _model_handlers(self, model: str, path: list[str]) -> Mapping[str, Handler] | None:
        match path:
            case ["versions", version, *rest] if DIGITS.fullmatch(version):
                pass
            case rest:
                version = ""
        match rest:
            case []:
                return {"GET": lambda request: self._model(model, version)}
            case ["ready"]:
                return {"GET": lambda request: self._model_ready(model, version)}
            case ["config"]:
                return {"GET": lambda request: self._config(model, version)}
            case ["stats"]:
                return {"GET": lambda request: self._model_statistics(model, version)}
            case ["infer"]:
                return {"POST": lambda request: self._infer(request, model, version)}
        return None

    async def _server(self, request: Request) -> SimpleResponse:
        return _json(metadata.server_metadata())

    async def _healthy(self, request: Request) -> SimpleResponse:
        """Live and ready are the same: a model that cannot be served stops the server at its start."""
        return SimpleResponse()

    async def _index(self, request: Request) -> SimpleResponse:
        options = _decode(request.body, IndexRequest) if request.body else IndexRequest()
        return _json(self._registry.index(ready_only=options.ready))

    async def _load(self, request: Request, model: str) -> SimpleResponse:
        if request.body and _decode(request.body, LoadRequest).parameters:
            raise RequestError(
                f"{model}: load parameters are not supported; the server loads the repository as it is on disk"
            )
        await self._registry.load(model)
        return SimpleResponse()

    async def _unload(self, request: Request, model: str) -> SimpleResponse:
        await self._registry.unload(model)
        return SimpleResponse()

    async def _model_statistics(self, model: str, version: str) -> SimpleResponse:
        return _json(metadata.model_statistics(self._registry.select(model, version), self._statistics))

    async def _model(self, model: str, version: str) -> SimpleResponse:
        served = self._registry.find(model, version)
        return _json(metadata.model_metadata([served] if version else self._registry.versions(model), served))

    async def _model_ready(self, model: str, version: str) -> SimpleResponse:
        self._registry.select(model, version)
        return SimpleResponse()

    async def _config(self, model: str, version: str) -> SimpleResponse:
        return _json(metadata.model_config(self._registry.find(model, version)))

    async def _infer(self, request: Request, model: str, version: str) -> SimpleResponse:
        served = self._registry.find(model, version)
        body = decompress(request.body, request.header("content-encoding"), self._settings.body_bytes)
        length = _header_length(request.header(HEADER_LENGTH), len(body))
        inference = decode_request(body, length) if length else raw_request(served.signature, body)
        async with CancelOnDisconnect(request.receive):
            response = await self._inference.infer(served, inference)
        content, json_length = encode_response(response)
        headers = {"content-type": JSON}
        if response.binary:
            headers = {"content-type": BINARY, HEADER_LENGTH: str(json_length)}
        if encoding := negotiate_encoding(request.header("accept-encoding")):
            headers["content-encoding"] = encoding
            content = compress(content, encoding)
        return SimpleResponse(200, content, headers)

    async def _body(self, scope: Scope, receive: Receive, reserve: Reserve) -> bytes:
        limit, seconds = self._settings.body_bytes, self._settings.receive_seconds
        return await read_body(scope, receive, limit=limit, seconds=seconds, reserve=reserve)


class IndexRequest(msgspec.Struct):
    """Body of a request to `/v2/repository/index`."""

    ready: bool = False


class LoadRequest(msgspec.Struct):
    """Body of a request to `/v2/repository/models/MODEL/load`."""

    parameters: dict[str, Any] = {}


def _header_length(header: str, size: int) -> int:
    """Length of the JSON part of a body of `size` bytes; 0 = a raw binary request."""
    if not header:
        return size
    if not header.isascii() or not header.isdigit() or len(header) > MAX_LENGTH_DIGITS or int(header) > size:
        raise RequestError(f"Inference-Header-Content-Length is {header!r}; the body has {size} bytes")
    return int(header)


def _decode(body: bytes, kind: type[Decoded]) -> Decoded:
    try:
        return msgspec.json.decode(body, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise RequestError(f"not a V2 request: {error}") from None


def _json(content: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> SimpleResponse:
    return SimpleResponse(status, msgspec.json.encode(content), {"content-type": JSON, **(headers or {})})


def _error(status: int, message: str, headers: Mapping[str, str] | None = None) -> SimpleResponse:
    return _json({"error": message}, status, headers)
