"""The HTTP application: the endpoint of each path."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from edge_router import __version__
from edge_router.asgi.body import read_body
from edge_router.asgi.types import Application, Receive, Scope, Send
from edge_router.contract import AUTO_MODEL
from edge_router.controller.api import PATHS, LlmRequest, Model, ModelCatalog, answer_dry_run
from edge_router.controller.api.model_endpoints import ModelEndpoints, json_response, started_now
from edge_router.controller.api.openapi import openapi_document
from edge_router.controller.auth import RequestGuard, allowed_hosts
from edge_router.controller.caller import Caller
from edge_router.controller.config import RouterConfig
from edge_router.controller.error_response import http_error, request_headers, router_error, unexpected_error
from edge_router.controller.exchange import ExchangeEndpoint, plan_request
from edge_router.controller.runtime import Controller
from edge_router.errors import RouterError


def create_app(controller: Controller, extra_routes: Sequence[BaseRoute] = ()) -> Application:
    """The ASGI application. `extra_routes`: those of the demo upstream, for example."""
    endpoints = Endpoints(controller)
    starlette = Starlette(
        routes=[*endpoints.routes, *extra_routes],
        lifespan=lambda _: controller.running(),
        exception_handlers={RouterError: router_error, HTTPException: http_error, Exception: unexpected_error},
    )

    async def dispatch(scope: Scope, receive: Receive, send: Send) -> None:
        """Operations bypass Starlette's routing, which would add a tenth to their overhead."""
        is_post = scope["type"] == "http" and scope["method"] == "POST"
        exchange = endpoints.exchanges.get(scope["path"]) if is_post else None
        await (exchange or starlette)(scope, receive, send)

    settings = controller.settings
    return RequestGuard(
        dispatch, allowed_hosts(settings.host, settings.allowed_hosts, has_keys=controller.keys is not None)
    )


class Endpoints:
    """The endpoints that are not operations, and the table of those that are."""

    def __init__(self, controller: Controller) -> None:
        self.exchanges = {path: ExchangeEndpoint(controller, spec) for path, spec in PATHS.items()}
        """The endpoint of each operation, by path."""
        self._controller = controller
        self._models = ModelEndpoints(self._catalog, started_now(), controller.settings.receive_seconds)
        self._openapi = msgspec.json.encode(openapi_document())

    @property
    def routes(self) -> list[BaseRoute]:
        return [
            *(Route(path, exchange, methods=["POST"]) for path, exchange in self.exchanges.items()),
            Route("/v1/route", self.route, methods=["POST"]),
            *self._models.routes,
            Route("/health", self.live),
            Route("/health/live", self.live),
            Route("/health/ready", self.ready),
            Route("/config", self.config),
            Route("/metrics", self.metrics),
            Route("/openapi.json", self.openapi),
        ]

    async def route(self, request: Request) -> Response:
        """Answers a dry run with the routing decision. Sends nothing to an upstream."""
        caller = self._controller.authenticator.authenticate(request.scope["headers"])
        runtime, settings = self._controller.runtime, self._controller.settings
        body = await read_body(
            request.scope, request.receive, limit=settings.body_bytes, seconds=settings.receive_seconds
        )

        async def decide(llm_request: LlmRequest) -> Mapping[str, Any]:
            plan = await plan_request(runtime, llm_request, caller, request_headers(request.scope))
            return plan.to_json(runtime.config.upstreams[plan.upstreams[0]].model)

        content = await answer_dry_run(body, runtime.config.names, decide)
        return Response(content, media_type="application/json")

    async def live(self, request: Request) -> Response:
        """The process runs."""
        return json_response({"status": "live", "version": __version__})

    async def ready(self, request: Request) -> Response:
        """Classifies a prompt: a classifier that reports itself ready may still fail."""
        runtime = self._controller.runtime
        problem = await runtime.classifier.probe()
        upstreams = {name: "up" if runtime.upstreams.is_up(name) else "down" for name in runtime.config.upstreams}
        status = "ready" if problem is None else "degraded"
        content = {"status": status, "classifier": problem or "ready", "upstreams": upstreams}
        return json_response(content, 200 if problem is None else 503)

    async def config(self, request: Request) -> Response:
        """The configuration as loaded. An upstream's key is shown as the place it was read from."""
        self._controller.authenticator.authenticate(request.scope["headers"])
        return json_response(self._controller.runtime.config.model_dump(mode="json", exclude_none=True))

    async def metrics(self, request: Request) -> Response:
        if not self._controller.settings.metrics_open:
            self._controller.authenticator.authenticate(request.scope["headers"])
        content, kind = self._controller.telemetry.metrics.exposition(request.headers.get("accept", ""))
        return Response(content, media_type=kind)

    async def openapi(self, request: Request) -> Response:
        return Response(self._openapi, media_type="application/json")

    def _catalog(self, request: Request) -> ModelCatalog:
        caller = self._controller.authenticator.authenticate(request.scope["headers"])
        runtime = self._controller.runtime
        return model_catalog(runtime.config, runtime.upstreams.is_up, caller)


def model_catalog(config: RouterConfig, is_up: Callable[[str], bool], caller: Caller) -> ModelCatalog:
    """The models that a caller may use now: those of upstreams that are up and that its key allows."""
    served = (
        Model(upstream.model, name, upstream.operations, upstream.context)
        for name, upstream in config.upstreams.items()
        if is_up(name) and caller.may_use(name, upstream.model)
    )
    return ModelCatalog((AUTO_MODEL, *config.policies), served)
