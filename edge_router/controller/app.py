"""The OpenAI-compatible address: endpoints only. What they answer is decided in `router`, and sent by `upstream`."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from typing import Any

import aiohttp
import orjson
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from edge_router import __version__
from edge_router.asgi.body import read_body
from edge_router.contract import AUTO_MODEL, DECISION_HEADER_PREFIX
from edge_router.controller.classification.classifier import Classifier
from edge_router.controller.errors import error_response, http_error, router_error, unexpected_error
from edge_router.controller.routes.routes import Routes
from edge_router.controller.routing.policy import Choice
from edge_router.controller.routing.router import Router
from edge_router.controller.settings import Limits
from edge_router.controller.signals.request_id import REQUEST_ID, request_id
from edge_router.controller.surfaces.chat import Chat
from edge_router.controller.upstreams.relay import Call, Relay
from edge_router.errors import RouterError

PASSED_ON = ("accept", "traceparent", "tracestate")
"""Client headers an upstream may see. Authorization is not among them: each upstream has its own key."""

MakeClassifier = Callable[[aiohttp.ClientSession], Classifier]


class Controller:
    """The endpoints and what they share: one router, one HTTP session, the upstreams' keys."""

    def __init__(self, routes: Routes, make_classifier: MakeClassifier, limits: Limits) -> None:
        """Raises ConfigError when an upstream's key cannot be read."""
        self._routes = routes
        self._make_classifier = make_classifier
        self._limits = limits
        self._keys = routes.read_keys()
        self._started = int(time.time())

    @contextlib.asynccontextmanager
    async def lifespan(self, app: Starlette) -> AsyncIterator[None]:
        timeout = aiohttp.ClientTimeout(
            total=None, sock_connect=self._limits.connect_seconds, sock_read=self._limits.idle_seconds
        )
        connector = aiohttp.TCPConnector(limit=0)
        async with aiohttp.ClientSession(connector=connector, timeout=timeout, auto_decompress=False) as session:
            self._session = session
            self._router = Router(
                self._routes, self._make_classifier(session), self._limits.classifier_budget_ms / 1000
            )
            meeting = asyncio.create_task(self._router.meet())
            yield
            meeting.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await meeting

    async def chat_completions(self, request: Request) -> Response | Relay:
        try:
            body = await read_body(
                request.scope, request.receive, limit=self._limits.body_bytes, seconds=self._limits.receive_seconds
            )
            chat = Chat.parse(body)
            choice = await self._router.choose(chat)
        except RouterError as error:
            code = "model_not_found" if error.status == 404 else None
            return error_response(error.status, str(error), {REQUEST_ID: request_id(request)}, code)
        return self._relay(request, chat, choice)

    async def models(self, request: Request) -> Response:
        names = [AUTO_MODEL, *self._routes.policies, *(target.model for target in self._routes.upstreams.values())]
        listed = [
            {"id": name, "object": "model", "created": self._started, "owned_by": "edge-router"}
            for name in dict.fromkeys(names)
        ]
        return _json({"object": "list", "data": listed})

    async def live(self, request: Request) -> Response:
        return _json({"status": "live", "version": __version__})

    async def ready(self, request: Request) -> Response:
        """Runs a real classification: a server that says it is ready may still be unable to answer."""
        problem = await self._router.probe()
        if problem is None:
            return _json({"status": "ready", "classifier": "ready"})
        return _json({"status": "degraded", "classifier": problem}, 503)

    async def config(self, request: Request) -> Response:
        """The routes as loaded. A key is shown as the place it was read from, never as itself."""
        return _json(self._routes.model_dump(mode="json", exclude_none=True))

    def _relay(self, request: Request, chat: Chat, choice: Choice) -> Relay:
        identity = {REQUEST_ID: request_id(request)}
        target = self._routes.upstreams[choice.upstream]
        headers = {name: request.headers[name] for name in PASSED_ON if name in request.headers}
        headers |= {"content-type": "application/json", "accept-encoding": "identity"} | identity
        if choice.upstream in self._keys:
            headers["authorization"] = f"Bearer {self._keys[choice.upstream]}"
        call = Call(f"{str(target.url).rstrip('/')}/chat/completions", chat.addressed_to(target.model), headers)
        said = choice.headers(target.model)
        facts: dict[str, object] = {name.removeprefix(DECISION_HEADER_PREFIX): value for name, value in said.items()}
        return Relay(self._session, call, said | identity, facts | {"request_id": request_id(request)})


def app(routes: Routes, make_classifier: MakeClassifier, limits: Limits, more: Sequence[BaseRoute] = ()) -> Starlette:
    """The ASGI application. `more`: routes of the caller's own, such as the demo upstream."""
    controller = Controller(routes, make_classifier, limits)
    endpoints = [
        Route("/v1/chat/completions", controller.chat_completions, methods=["POST"]),
        Route("/v1/models", controller.models),
        Route("/health", controller.live),
        Route("/health/live", controller.live),
        Route("/health/ready", controller.ready),
        Route("/config", controller.config),
    ]
    return Starlette(
        routes=[*endpoints, *more],
        lifespan=controller.lifespan,
        exception_handlers={RouterError: router_error, HTTPException: http_error, Exception: unexpected_error},
    )


def _json(content: Mapping[str, Any], status: int = 200) -> Response:
    return Response(orjson.dumps(content), status, media_type="application/json")
