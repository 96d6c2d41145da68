"""The address: what answers where. A model's answer comes through `flow`; everything else is here."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

import orjson
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from edge_router import __version__
from edge_router.asgi.body import read_body
from edge_router.asgi.types import Application, Receive, Scope, Send
from edge_router.controller.api import openapi
from edge_router.controller.api.dry_run import route
from edge_router.controller.api.model_endpoints import ModelEndpoints, started_now
from edge_router.controller.api.models import ModelCatalog
from edge_router.controller.api.operations import PATHS
from edge_router.controller.api.request import LlmRequest
from edge_router.controller.auth.exposure import hosts_asked_for
from edge_router.controller.auth.request_guard import RequestGuard
from edge_router.controller.controller import Controller
from edge_router.controller.error_response import headers_of, http_error, router_error, unexpected_error
from edge_router.controller.exchange import ExchangeEndpoint, plan_request
from edge_router.controller.routing.plan import Plan
from edge_router.errors import RouterError

CHAT = "/v1/chat/completions"

Endpoint = Callable[[Request], Awaitable[Response]]


class Endpoints:
    def __init__(self, controller: Controller) -> None:
        self.flows = {path: ExchangeEndpoint(controller, path) for path in PATHS}
        self._controller = controller
        self._document = orjson.dumps(openapi.document())

    @property
    def routes(self) -> list[BaseRoute]:
        settings = self._controller.settings
        return [
            *(Route(path, flow, methods=["POST"]) for path, flow in self.flows.items()),
            Route("/v1/route", self.route, methods=["POST"]),
            *ModelEndpoints(self._seen, started_now(), settings.receive_seconds).routes,
            Route("/health", self.live),
            Route("/health/live", self.live),
            Route("/health/ready", self.ready),
            Route("/config", self.config),
            Route("/metrics", self.metrics),
            Route("/openapi.json", self.openapi),
        ]

    async def route(self, request: Request) -> Response:
        """The decision alone: nothing is sent to an upstream."""
        caller = self._controller.access.admit(request.scope["headers"])
        runtime, settings = self._controller.runtime, self._controller.settings
        body = await read_body(
            request.scope, request.receive, limit=settings.body_bytes, seconds=settings.receive_seconds
        )

        async def plan(llm_request: LlmRequest) -> Plan:
            return await plan_request(runtime, llm_request, caller, headers_of(request.scope))

        models = {name: upstream.model for name, upstream in runtime.routes.upstreams.items()}
        return Response(await route(body, runtime.surfaces[CHAT], plan, models), media_type="application/json")

    async def live(self, request: Request) -> Response:
        return _json({"status": "live", "version": __version__})

    async def ready(self, request: Request) -> Response:
        """Runs a real classification: a server that says it is ready may still be unable to answer."""
        runtime = self._controller.runtime
        problem = await runtime.chain.probe()
        upstreams = {name: "up" if runtime.upstreams.up(name) else "down" for name in runtime.routes.upstreams}
        status = "ready" if problem is None else "degraded"
        content = {"status": status, "classifier": problem or "ready", "upstreams": upstreams}
        return _json(content, 200 if problem is None else 503)

    async def config(self, request: Request) -> Response:
        """The routes as loaded. A key is shown as the place it was read from, never as itself."""
        self._controller.access.admit(request.scope["headers"])
        return _json(self._controller.runtime.routes.model_dump(mode="json", exclude_none=True))

    async def metrics(self, request: Request) -> Response:
        if not self._controller.settings.metrics_open:
            self._controller.access.admit(request.scope["headers"])
        content, kind = self._controller.telemetry.metrics.exposition(request.headers.get("accept", ""))
        return Response(content, media_type=kind)

    async def openapi(self, request: Request) -> Response:
        return Response(self._document, media_type="application/json")

    def _seen(self, request: Request) -> ModelCatalog:
        caller = self._controller.access.admit(request.scope["headers"])
        runtime = self._controller.runtime
        return ModelCatalog(runtime.routes, runtime.upstreams.up, caller)


def app(controller: Controller, more: Sequence[BaseRoute] = ()) -> Application:
    """The ASGI application. `more`: routes of the caller's own, such as the demo upstream."""
    endpoints = Endpoints(controller)
    starlette = Starlette(
        routes=[*endpoints.routes, *more],
        lifespan=lambda _: controller.running(),
        exception_handlers={RouterError: router_error, HTTPException: http_error, Exception: unexpected_error},
    )

    async def inside(scope: Scope, receive: Receive, send: Send) -> None:
        """What asks for a model's answer does not pass through Starlette: a tenth of what a request costs here."""
        flow = endpoints.flows.get(scope["path"]) if scope["type"] == "http" and scope["method"] == "POST" else None
        await (flow or starlette)(scope, receive, send)

    settings = controller.settings
    return RequestGuard(inside, hosts_asked_for(settings.host, controller.keys, settings.allowed_hosts))


def _json(content: Mapping[str, Any], status: int = 200) -> Response:
    return Response(orjson.dumps(content), status, media_type="application/json")
