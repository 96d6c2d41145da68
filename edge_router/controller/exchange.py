"""One HTTP exchange from start to end: authentication, body, plan, forwarding, telemetry."""

import time
from collections.abc import Mapping
from datetime import datetime

import structlog

from edge_router.asgi.body import BodyTooLargeError, read_body
from edge_router.asgi.disconnect import ClientDisconnectedError
from edge_router.asgi.types import Receive, Scope, Send
from edge_router.contract import REQUEST_ID_HEADER
from edge_router.controller.api import LlmRequest, OperationSpec
from edge_router.controller.caller import Caller
from edge_router.controller.error_response import FAILED, refusal, request_headers, request_id
from edge_router.controller.routing import Plan, RequestContext
from edge_router.controller.runtime import Controller, Runtime
from edge_router.controller.settings import RequestLimits
from edge_router.controller.telemetry import RequestRecord
from edge_router.controller.upstream import Outcome
from edge_router.errors import RouterError

FORWARDED_HEADERS = ("accept", "tracestate", "anthropic-version", "anthropic-beta")
"""The client's headers that an upstream may see. Authorization is not one: each upstream has a key of its own."""

log = structlog.get_logger()


class ExchangeEndpoint:
    """The ASGI endpoint of one operation."""

    def __init__(self, controller: Controller, spec: OperationSpec) -> None:
        self._controller = controller
        self._spec = spec

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await Exchange(self._controller, self._spec, scope, receive, send).run()


async def plan_request(runtime: Runtime, request: LlmRequest, caller: Caller, headers: Mapping[str, str]) -> Plan:
    """Plans a request of `caller` at the present time. Raises what `Router.plan` raises."""
    now = datetime.now().astimezone()
    return await runtime.router.plan(request, RequestContext(headers, caller, runtime.upstreams.is_up, now))


def check_body_size(body: bytes, request: LlmRequest, limits: RequestLimits) -> None:
    """Raises BodyTooLargeError for a body above `body_bytes` without images.

    Only a large body is searched for images, because that parses all messages.
    """
    if len(body) > limits.body_bytes and not request.features.images:
        raise BodyTooLargeError.beyond(limits.body_bytes)


class Exchange:
    """One request and its answer. Only this class fills the request's record."""

    def __init__(self, controller: Controller, spec: OperationSpec, scope: Scope, receive: Receive, send: Send) -> None:
        self._controller = controller
        self._runtime = controller.runtime  # a reload does not affect a request in progress
        self._spec = spec
        self._scope = scope
        self._receive = receive
        self._send = send
        self._headers = request_headers(scope)
        self._record = RequestRecord(
            request_id(self._headers), spec.operation, traceparent=self._headers.get("traceparent")
        )
        self._plan: Plan | None = None

    async def run(self) -> None:
        record, telemetry = self._record, self._controller.telemetry
        telemetry.begin(record)
        try:
            await self._answer()
        except ClientDisconnectedError:
            record.outcome = Outcome.CLIENT_DISCONNECTED
        except RouterError as error:
            await self._refuse(error)
        except Exception as error:
            log.error("request failed", request_id=record.request_id, error=type(error).__name__)
            if record.status is not None:
                raise
            await self._refuse(RouterError(FAILED))
        finally:
            record.took = time.perf_counter() - record.received
            telemetry.report(record)

    async def _answer(self) -> None:
        authenticator, settings = self._controller.authenticator, self._controller.settings
        caller = authenticator.authenticate(self._scope["headers"])
        self._record.key = caller.name
        with self._controller.body_budget.reservation() as reserve:
            body = await read_body(
                self._scope,
                self._receive,
                limit=settings.largest_body_bytes,
                seconds=settings.receive_seconds,
                reserve=reserve,
            )
            request = self._spec.parse(body, self._runtime.config.names)
            check_body_size(body, request, settings)
            plan = await plan_request(self._runtime, request, caller, self._headers)
            self._plan = plan
            self._record.add_plan(plan)
            try:
                await self._forward(request, plan)
            finally:
                tokens = (self._record.prompt_tokens or 0) + (self._record.completion_tokens or 0)
                authenticator.count_tokens(caller, tokens)

    async def _forward(self, request: LlmRequest, plan: Plan) -> None:
        upstreams, headers = self._runtime.upstreams, self._forwarded_headers()
        forwarding = upstreams.forwarding(request, plan, self._spec.error_format, headers, self._record.request_id)
        try:
            await forwarding.run(self._receive, self._send)
        finally:
            self._record.add_report(forwarding.report)
            if plan.shadow is not None and forwarding.report.answered_at is not None:
                upstreams.shadow(plan.shadow, request, headers)

    def _forwarded_headers(self) -> dict[str, str]:
        headers = {name: self._headers[name] for name in FORWARDED_HEADERS if name in self._headers}
        if self._record.traceparent is not None:
            headers["traceparent"] = self._record.traceparent
        return headers | {REQUEST_ID_HEADER: self._record.request_id}

    async def _refuse(self, error: RouterError) -> None:
        """An error response also names the decision, once there is one."""
        self._record.error = type(error).__name__
        self._record.status = error.status
        headers: dict[str, str] = {}
        if self._plan is not None:
            first = self._plan.upstreams[0]
            headers = self._plan.headers(first, self._runtime.config.upstreams[first].model)
        body = self._spec.error_format.error(error.status, str(error), error.code)
        await refusal(error, body, self._record.request_id, headers).send(self._send)
