"""The forwarding of requests to upstreams over real HTTP, with deadlines that a test can wait for."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Any, ClassVar

import aiohttp
import msgspec
import pytest

from edge_router.asgi.body import read_body
from edge_router.asgi.disconnect import ClientDisconnectedError
from edge_router.asgi.process import serve_http
from edge_router.asgi.response import SimpleResponse
from edge_router.asgi.types import Receive, Scope, Send
from edge_router.controller.api import (
    Message,
    Operation,
    RequestFeatures,
    ResponseTranslation,
    RoutingHint,
    UpstreamRequest,
)
from edge_router.controller.config import RouterConfig
from edge_router.controller.routing.plan import Plan
from edge_router.controller.settings import RequestLimits
from edge_router.controller.upstream import ForwardingReport, Outcome
from edge_router.controller.upstream import forwarding as forwarding_module
from edge_router.controller.upstream.connector import UpstreamConnector
from edge_router.controller.upstream.pool import UpstreamPool
from edge_router.errors import RouterError
from tests.faults.upstream import FaultyUpstream, serving
from tests.support.ports import free_ports

QUICK = {"connect_seconds": 0.4, "first_byte_seconds": 0.4, "idle_seconds": 0.4, "retries": 1, "retry_budget": 1.0}
DEADLINE = 5
"""Seconds within which every client must have an answer: two attempts, and a busy machine."""


@dataclass(frozen=True)
class GivenRequest:
    body: bytes
    operation: ClassVar[Operation] = Operation.CHAT
    hint: ClassVar[RoutingHint] = RoutingHint()
    messages: ClassVar[Sequence[Message]] = ()
    features: ClassVar[RequestFeatures] = RequestFeatures()
    user: str | None = None
    conversation: str = ""
    translation: type[ResponseTranslation] | None = None

    @property
    def stream(self) -> bool:
        return bool(msgspec.json.decode(self.body).get("stream"))

    def to_upstream(self, speaks: frozenset[Operation], model: str) -> UpstreamRequest | None:
        return UpstreamRequest(Operation.CHAT, self.body, self.translation) if Operation.CHAT in speaks else None


class GivenErrorFormat:
    def error(self, status: int, message: str, code: str | None = None) -> bytes:
        return msgspec.json.encode({"error": {"message": message, "type": "server_error", "param": None, "code": code}})

    def stream_error(self, status: int, message: str) -> bytes:
        return b"data: " + self.error(status, message, "upstream_error") + b"\n\n"


@dataclass(frozen=True)
class GivenPlan(Plan):
    def headers(self, upstream: str, model: str) -> dict[str, str]:
        return {"x-edge-router-upstream": upstream}


@dataclass
class Address:
    """An ASGI application that sends every request to `plan`. `reports`: those of the requests that are over."""

    routes: Mapping[str, Any]
    limits: RequestLimits
    plan: Plan
    connector: aiohttp.TCPConnector | None = None
    error_format: GivenErrorFormat = field(default_factory=GivenErrorFormat)
    translation: type[ResponseTranslation] | None = None
    reports: list[ForwardingReport] = field(default_factory=list)
    reported: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._lifespan(receive, send)
            return
        body = await read_body(scope, receive, limit=2**30, seconds=15)
        request = GivenRequest(body, translation=self.translation)
        forwarding = self.upstreams.forwarding(request, self.plan, self.error_format, {}, "request-1")
        report = forwarding.report
        try:
            await forwarding.run(receive, send)
        except ClientDisconnectedError:
            report.outcome = Outcome.CLIENT_DISCONNECTED
        except RouterError as error:
            headers = {} if error.retry_after is None else {"retry-after": str(round(error.retry_after))}
            content = self.error_format.error(error.status, str(error), error.code)
            await SimpleResponse(error.status, content, headers | {"content-type": "application/json"}).send(send)
        finally:
            if self.plan.shadow is not None and report.answered_at is not None:
                self.upstreams.shadow(self.plan.shadow, request, {})
            async with self.reported:
                self.reports.append(report)
                self.reported.notify_all()

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        await receive()
        async with aiohttp.ClientSession(connector=self.connector or UpstreamConnector()) as session:
            config = RouterConfig.model_validate(self.routes)
            self.upstreams = UpstreamPool(config, session, self.limits, config.read_keys())
            await send({"type": "lifespan.startup.complete"})
            await receive()
        await send({"type": "lifespan.shutdown.complete"})

    async def report(self) -> ForwardingReport:
        """The report of the first request, once it is over."""
        async with asyncio.timeout(DEADLINE), self.reported:
            await self.reported.wait_for(lambda: self.reports)
        return self.reports[0]


class Start:
    """Starts an address for upstreams by name: a running one, or the fields of one in `routes.yaml`."""

    def __init__(self, stack: AsyncExitStack) -> None:
        self._stack = stack

    async def __call__(
        self,
        upstreams: Mapping[str, FaultyUpstream | Mapping[str, Any]],
        connector: aiohttp.TCPConnector | None = None,
        shadow: str | None = None,
        translation: type[ResponseTranslation] | None = None,
        **limits: Any,
    ) -> tuple[Address, aiohttp.ClientSession]:
        given = {
            name: {"url": f"http://127.0.0.1:{each.port}/v1", "model": "m"}
            if isinstance(each, FaultyUpstream)
            else {"model": "m", **each}
            for name, each in upstreams.items()
        }
        routes = {"upstreams": given, "default": next(iter(given)), "policies": {"task_router": {}}}
        names = [name for name in given if name != shadow]
        address = Address(
            routes,
            RequestLimits(**{**QUICK, "breaker_failures": 100, **limits}),
            GivenPlan(names, "pinned", shadow=shadow),
            connector,
            translation=translation,
        )
        [port] = free_ports(1)
        stopped = asyncio.Event()
        server = asyncio.create_task(serve_http(address, "127.0.0.1", port, stopped, receive_seconds=15))
        self._stack.push_async_callback(asyncio.wait_for, server, timeout=30)
        self._stack.callback(stopped.set)
        client = await self._stack.enter_async_context(aiohttp.ClientSession(f"http://127.0.0.1:{port}"))
        async with asyncio.timeout(30):
            while True:
                try:
                    _, writer = await asyncio.open_connection("127.0.0.1", port)
                except ConnectionError:
                    await asyncio.sleep(0.01)
                else:
                    writer.close()
                    return address, client


@pytest.fixture
async def start(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Start]:
    monkeypatch.setattr(forwarding_module, "PAUSE_SECONDS", 0.01)
    async with AsyncExitStack() as stack:
        yield Start(stack)


@pytest.fixture
async def upstream() -> AsyncIterator[FaultyUpstream]:
    async with serving(FaultyUpstream()) as upstream:
        yield upstream


@pytest.fixture
async def other() -> AsyncIterator[FaultyUpstream]:
    """A second upstream, without faults."""
    async with serving(FaultyUpstream()) as upstream:
        yield upstream
