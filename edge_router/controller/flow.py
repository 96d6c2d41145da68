"""One request, top to bottom: who asks, what is asked, who may answer, the answer, and what is told of it after."""

import time
from collections.abc import Mapping
from datetime import datetime

import structlog

from edge_router.asgi.answer import Answer
from edge_router.asgi.body import read_body
from edge_router.asgi.presence import ClientLeftError
from edge_router.asgi.types import Receive, Scope, Send
from edge_router.contract import REQUEST_ID_HEADER
from edge_router.controller.access.size import check_size, largest
from edge_router.controller.asked import Asked, Surface
from edge_router.controller.assembly import Assembly
from edge_router.controller.caller import Caller
from edge_router.controller.controller import Controller
from edge_router.controller.errors import FAILED, headers_of, said_with
from edge_router.controller.record import Record
from edge_router.controller.routing.circumstances import Circumstances
from edge_router.controller.routing.plan import Plan
from edge_router.controller.signals.request_id import request_id
from edge_router.errors import RouterError

PASSED_ON = ("accept", "tracestate", "anthropic-version", "anthropic-beta")
"""Client headers an upstream may see. Authorization is not among them: each upstream has its own key."""

log = structlog.get_logger()


class Flow:
    """The ASGI endpoint of one surface."""

    def __init__(self, controller: Controller, path: str) -> None:
        self._controller = controller
        self._path = path

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        assembly = self._controller.assembly  # a reload does not touch a request under way
        surface = assembly.surfaces[self._path]
        headers = headers_of(scope)
        record = Record(request_id(headers), surface.operation, traceparent=headers.get("traceparent"))
        self._controller.signals.begin(record)
        said: dict[str, str] = {}
        try:
            await self._answer(assembly, surface, headers, record, said, scope, receive, send)
        except ClientLeftError:
            record.outcome = "client left"
        except RouterError as error:
            await _refuse(surface, error, record, said, send)
        except Exception as error:
            log.error("request failed", request_id=record.request_id, error=type(error).__name__)
            if record.status is not None:
                raise
            await _refuse(surface, RouterError(FAILED), record, said, send)
        finally:
            record.took = time.perf_counter() - record.received
            self._controller.signals.report(record)

    async def _answer(
        self,
        assembly: Assembly,
        surface: Surface,
        headers: Mapping[str, str],
        record: Record,
        said: dict[str, str],
        scope: Scope,
        receive: Receive,
        send: Send,
    ) -> None:
        """`said` is filled with what an error is to say of the choice, once there is one."""
        access, settings = self._controller.access, self._controller.settings
        caller = access.admit(scope["headers"])
        record.key = caller.name
        with self._controller.room.held() as take:
            body = await read_body(scope, receive, limit=largest(settings), seconds=settings.receive_seconds, take=take)
            asked = surface.parse(body)
            check_size(body, asked, settings)
            plan = await planned(assembly, asked, caller, headers)
            plan.describe(record)
            first = plan.upstreams[0]
            said.update(plan.headers(first, assembly.routes.upstreams[first].model))
            try:
                await assembly.upstreams.answer(asked, plan, surface, _passed(headers, record), record, receive, send)
            finally:
                access.spend(caller, (record.prompt_tokens or 0) + (record.completion_tokens or 0))


async def planned(assembly: Assembly, asked: Asked, caller: Caller, headers: Mapping[str, str]) -> Plan:
    """Raises what `Router.plan` raises."""
    now = datetime.now().astimezone()
    return await assembly.router.plan(asked, Circumstances(headers, caller, assembly.upstreams.up, now))


def _passed(headers: Mapping[str, str], record: Record) -> dict[str, str]:
    passed = {name: headers[name] for name in PASSED_ON if name in headers}
    if record.traceparent is not None:
        passed["traceparent"] = record.traceparent
    return passed | {REQUEST_ID_HEADER: record.request_id}


async def _refuse(surface: Surface, error: RouterError, record: Record, said: Mapping[str, str], send: Send) -> None:
    record.error = type(error).__name__
    record.status = error.status
    headers = {"content-type": "application/json", REQUEST_ID_HEADER: record.request_id, **said, **said_with(error)}
    await Answer(error.status, surface.error(error.status, str(error), error.code), headers).send(send)
