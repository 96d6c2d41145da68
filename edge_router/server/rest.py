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
from edge_router.server import description
from edge_router.server.catalog import Catalog
from edge_router.server.compression import compress, decompress, negotiate_encoding
from edge_router.server.inference import Inference
from edge_router.server.raw import raw_request
from edge_router.server.settings import Settings
from edge_router.server.statistics import Statistics
from edge_router.v2.reply import encode_reply
from edge_router.v2.request import decode_request

log = structlog.get_logger()

HEADER_LENGTH = "inference-header-content-length"
JSON = "application/json"
BINARY = "application/octet-stream"
DIGITS = re.compile("[0-9]+")
LONGEST_LENGTH = 18
"""Digits of a number that any body can have."""

Decoded = TypeVar("Decoded")


class Request(NamedTuple):
    scope: Scope
    receive: Receive
    body: bytes

    def header(self, name: str) -> str:
        """Empty where the client sent none; the first of several."""
        wanted = name.encode()
        return next((value.decode("latin-1") for key, value in self.scope["headers"] if key == wanted), "")


Handler: TypeAlias = Callable[[Request], Awaitable[SimpleResponse]]


class Rest:
    """The endpoints; `__call__` is where every error becomes an answer."""

    def __init__(self, catalog: Catalog, inference: Inference, statistics: Statistics, settings: Settings) -> None:
        self._catalog = catalog
        self._inference = inference
        self._tallies = statistics
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
        """By method; None for a path that does not exist."""
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
                return {"GET": lambda request: self._statistics("", "")}
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
                return {"GET": lambda request: self._statistics(model, version)}
            case ["infer"]:
                return {"POST": lambda request: self._infer(request, model, version)}
        return None

    async def _server(self, request: Request) -> SimpleResponse:
        return _json(description.server())

    async def _healthy(self, request: Request) -> SimpleResponse:
        """A model that cannot be served ends the start, so whoever answers here serves them all."""
        return SimpleResponse()

    async def _index(self, request: Request) -> SimpleResponse:
        asked = _decoded(request.body, IndexRequest) if request.body else IndexRequest()
        return _json(self._catalog.index(ready_only=asked.ready))

    async def _load(self, request: Request, model: str) -> SimpleResponse:
        if request.body and _decoded(request.body, LoadRequest).parameters:
            raise RequestError(f"{model}: a load takes no parameters here; the repository on disk says what is served")
        await self._catalog.load(model)
        return SimpleResponse()

    async def _unload(self, request: Request, model: str) -> SimpleResponse:
        await self._catalog.unload(model)
        return SimpleResponse()

    async def _statistics(self, model: str, version: str) -> SimpleResponse:
        return _json(description.statistics(self._catalog.asked(model, version), self._tallies))

    async def _model(self, model: str, version: str) -> SimpleResponse:
        asked = self._catalog.find(model, version)
        return _json(description.model([asked] if version else self._catalog.versions(model), asked))

    async def _model_ready(self, model: str, version: str) -> SimpleResponse:
        self._catalog.asked(model, version)
        return SimpleResponse()

    async def _config(self, model: str, version: str) -> SimpleResponse:
        return _json(description.config(self._catalog.find(model, version)))

    async def _infer(self, request: Request, model: str, version: str) -> SimpleResponse:
        served = self._catalog.find(model, version)
        body = decompress(request.body, request.header("content-encoding"), self._settings.body_bytes)
        length = _header_length(request.header(HEADER_LENGTH), len(body))
        asked = decode_request(body, length) if length else raw_request(served.signature, body)
        async with CancelOnDisconnect(request.receive):
            reply = await self._inference.infer(served, asked)
        content, json_length = encode_reply(reply)
        headers = {"content-type": JSON}
        if reply.binary:
            headers = {"content-type": BINARY, HEADER_LENGTH: str(json_length)}
        if encoding := negotiate_encoding(request.header("accept-encoding")):
            headers["content-encoding"] = encoding
            content = compress(content, encoding)
        return SimpleResponse(200, content, headers)

    async def _body(self, scope: Scope, receive: Receive, reserve: Reserve) -> bytes:
        limit, seconds = self._settings.body_bytes, self._settings.receive_seconds
        return await read_body(scope, receive, limit=limit, seconds=seconds, reserve=reserve)


class IndexRequest(msgspec.Struct):
    ready: bool = False


class LoadRequest(msgspec.Struct):
    parameters: dict[str, Any] = {}


def _header_length(header: str, size: int) -> int:
    """Of the JSON part of a body of `size` bytes; 0 = the body is the data of a model's only input."""
    if not header:
        return size
    if not header.isascii() or not header.isdigit() or len(header) > LONGEST_LENGTH or int(header) > size:
        raise RequestError(f"Inference-Header-Content-Length is {header!r}; the body has {size} bytes")
    return int(header)


def _decoded(body: bytes, kind: type[Decoded]) -> Decoded:
    try:
        return msgspec.json.decode(body, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise RequestError(f"the request is not V2: {error}") from None


def _json(content: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> SimpleResponse:
    return SimpleResponse(status, msgspec.json.encode(content), {"content-type": JSON, **(headers or {})})


def _error(status: int, message: str, headers: Mapping[str, str] | None = None) -> SimpleResponse:
    return _json({"error": message}, status, headers)
