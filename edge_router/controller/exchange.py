"""One request, top to bottom: who asks, what is asked, who may answer, the answer, and what is told of it after."""

import time
from collections.abc import Mapping
from datetime import datetime

import structlog

from edge_router.asgi.body import read_body
from edge_router.asgi.disconnect import ClientDisconnectedError
from edge_router.asgi.types import Receive, Scope, Send
from edge_router.contract import REQUEST_ID_HEADER
from edge_router.controller.api import LlmRequest, OperationSpec
from edge_router.controller.auth.size import check_size, largest
from edge_router.controller.caller import Caller
from edge_router.controller.controller import Controller
from edge_router.controller.error_response import FAILED, headers_of, refusal
from edge_router.controller.record import RequestRecord
from edge_router.controller.routing.context import RequestContext
from edge_router.controller.routing.plan import Plan
from edge_router.controller.runtime import Runtime
from edge_router.controller.telemetry.request_id import request_id
from edge_router.errors import RouterError

PASSED_ON = ("accept", "tracestate", "anthropic-version", "anthropic-beta")
"""Client headers an upstream may see. Authorization is not among them: each upstream has its own key."""

log = structlog.get_logger()


class ExchangeEndpoint:
    """The ASGI endpoint of one operation."""

    def __init__(self, controller: Controller, spec: OperationSpec) -> None:
        self._controller = controller
        self._spec = spec

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await Exchange(self._controller, self._spec, scope, receive, send).run()


async def plan_request(runtime: Runtime, request: LlmRequest, caller: Caller, headers: Mapping[str, str]) -> Plan:
    """Raises what `Router.plan` raises."""
    now = datetime.now().astimezone()
    return await runtime.router.plan(request, RequestContext(headers, caller, runtime.upstreams.up, now))


class Exchange:
    """One request and its answer."""

    def __init__(self, controller: Controller, spec: OperationSpec, scope: Scope, receive: Receive, send: Send) -> None:
        self._controller = controller
        self._assembly = controller.runtime  # a reload does not touch a request under way
        self._spec = spec
        self._scope = scope
        self._receive = receive
        self._send = send
        self._headers = headers_of(scope)
        self._record = RequestRecord(
            request_id(self._headers), self._spec.operation, traceparent=self._headers.get("traceparent")
        )
        self._plan: Plan | None = None

    async def run(self) -> None:
        record, telemetry = self._record, self._controller.telemetry
        telemetry.begin(record)
        try:
            await self._answer()
        except ClientDisconnectedError:
            record.outcome = "client left"
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
        access, settings, record = self._controller.access, self._controller.settings, self._record
        caller = access.admit(self._scope["headers"])
        record.key = caller.name
        with self._controller.room.reservation() as reserve:
            body = await read_body(
                self._scope, self._receive, limit=largest(settings), seconds=settings.receive_seconds, reserve=reserve
            )
            request = self._spec.parse(body, self._assembly.routes.names)
            check_size(body, request, settings)
            plan = self._plan = await plan_request(self._assembly, request, caller, self._headers)
            plan.describe(record)
            try:
                await self._assembly.upstreams.answer(
                    request, plan, self._spec.error_format, self._passed(), record, self._receive, self._send
                )
            finally:
                access.spend(caller, (record.prompt_tokens or 0) + (record.completion_tokens or 0))

    def _passed(self) -> dict[str, str]:
        passed = {name: self._headers[name] for name in PASSED_ON if name in self._headers}
        if self._record.traceparent is not None:
            passed["traceparent"] = self._record.traceparent
        return passed | {REQUEST_ID_HEADER: self._record.request_id}

    async def _refuse(self, error: RouterError) -> None:
        """An error says what was decided too, once something was."""
        self._record.error = type(error).__name__
        self._record.status = error.status
        said: dict[str, str] = {}
        if self._plan is not None:
            first = self._plan.upstreams[0]
            said = self._plan.headers(first, self._assembly.routes.upstreams[first].model)
        body = self._spec.error_format.error(error.status, str(error), error.code)
        await refusal(error, body, self._record.request_id, said).send(self._send)
