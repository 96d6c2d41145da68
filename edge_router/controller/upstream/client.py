"""The way to one upstream: its address and key, how long it is waited for, and whether it can be gone."""

import asyncio
from collections.abc import Mapping
from typing import NamedTuple

import aiohttp
import structlog
from yarl import URL

from edge_router import __version__
from edge_router.controller.api import ANTHROPIC_OPERATIONS, Operation
from edge_router.controller.config import UpstreamConfig
from edge_router.controller.record import RequestRecord
from edge_router.controller.settings import RequestLimits
from edge_router.controller.upstream.breaker import BreakerState, CircuitBreaker
from edge_router.controller.upstream.errors import UpstreamError
from edge_router.controller.upstream.limiter import ConcurrencyLimiter, QueueFullError

FULL_SECONDS = 1
"""After which a client whose request found the queue full may come again."""
PROBES: Mapping[str, str] = {"openai": "/models", "anthropic": "/models", "ollama": "/api/version"}
"""What is asked of each kind of upstream to see whether it is there: it costs it nothing."""

ANTHROPIC_DEFAULTS: Mapping[str, str] = {"anthropic-version": "2023-06-01"}
"""Its API asks for the header; a client that leaves it out means the version that there has been since."""

log = structlog.get_logger()


class UpstreamState(NamedTuple):
    up: bool
    breaker: BreakerState
    running: int
    waiting: int


class UpstreamClient:
    def __init__(self, name: str, upstream: UpstreamConfig, key: str | None, limits: RequestLimits) -> None:
        self.name = name
        self.upstream = upstream
        self.key = key
        self.breaker = CircuitBreaker(limits.breaker_failures, limits.breaker_seconds)
        self.limiter = ConcurrencyLimiter(upstream.concurrency, upstream.queue)
        self.suspected = asyncio.Event()
        """Set when a request could not reach it: the next probe is due now."""
        self._there = True
        self.first_byte_seconds = upstream.first_byte_seconds or limits.first_byte_seconds
        self.idle_seconds = upstream.idle_seconds or limits.idle_seconds
        self.total_seconds = upstream.total_seconds
        connect = upstream.connect_seconds or limits.connect_seconds
        self.timeout = aiohttp.ClientTimeout(total=None, connect=connect)
        self.probe_timeout = aiohttp.ClientTimeout(total=connect + limits.connect_seconds)
        self.headers = {operation: _headers(upstream, key, operation) for operation in Operation}
        self.urls = {operation: URL(upstream.address(operation)) for operation in upstream.operations}
        self.probe = URL(upstream.base + PROBES[upstream.kind])

    def headers_for(self, operation: Operation, clients: Mapping[str, str]) -> dict[str, str]:
        """`clients`: those of the client's headers that pass."""
        return {
            **(ANTHROPIC_DEFAULTS if operation in ANTHROPIC_OPERATIONS else {}),
            **clients,
            **self.headers[operation],
        }

    @property
    def up(self) -> bool:
        return self._there and self.breaker.state != BreakerState.OPEN

    @property
    def state(self) -> UpstreamState:
        return UpstreamState(self.up, self.breaker.state, self.limiter.running, self.limiter.waiting)

    async def enter(self, record: RequestRecord) -> "Slot":
        """Waits for its turn, which must be left. Raises UpstreamError where there is none."""
        self._check_breaker()
        try:
            await self._wait_for_slot(record)
        except QueueFullError:
            reason = f"is busy; {self.limiter.waiting} requests wait for it"
            raise UpstreamError(
                self.name, reason, 503, FULL_SECONDS, retryable=False, counts_as_failure=False
            ) from None
        except TimeoutError:
            reason = f"was busy for {self.first_byte_seconds:g} s"
            raise UpstreamError(
                self.name, reason, 503, FULL_SECONDS, retryable=False, counts_as_failure=False
            ) from None
        try:
            self._check_breaker()  # it may have opened while this one waited
        except UpstreamError:
            self.limiter.leave()
            raise
        return Slot(self, self.breaker.enter())

    async def _wait_for_slot(self, record: RequestRecord) -> None:
        if self.limiter.free:
            await self.limiter.enter(self.first_byte_seconds)
            return
        clock = asyncio.get_running_loop().time
        since = clock()
        try:
            await self.limiter.enter(self.first_byte_seconds)
        finally:
            record.queued_for = (record.queued_for or 0) + clock() - since

    def _check_breaker(self) -> None:
        if not self.breaker.admits:
            wait = max(self.breaker.retry_in, FULL_SECONDS)
            reason = "failed several times in a row and is left alone for a while"
            raise UpstreamError(self.name, reason, 503, wait, retryable=False, counts_as_failure=False)

    def began(self) -> None:
        """It answers a request."""
        self.breaker.began()
        self.seen(None)

    def failed(self, failure: UpstreamError) -> None:
        if failure.counts_as_failure:
            was = self.breaker.state
            self.breaker.failed()
            if was != BreakerState.OPEN and self.breaker.state == BreakerState.OPEN:
                log.warning("upstream left alone", upstream=self.name, reason=failure.reason)
        else:
            self.breaker.succeeded()
        if failure.unreachable:
            self.suspected.set()

    def seen(self, problem: str | None) -> None:
        """What a probe or an answer says of it; logged when it changes."""
        if self._there != (problem is None):
            self._there = problem is None
            if self._there:
                log.info("upstream up", upstream=self.name)
            else:
                log.warning("upstream down", upstream=self.name, reason=problem)


def _headers(upstream: UpstreamConfig, key: str | None, operation: Operation) -> Mapping[str, str]:
    return {
        "accept-encoding": "identity",
        "content-type": "application/json",
        "user-agent": f"edge-llm-router/{__version__}",
        **(upstream.key_headers(key, operation) if key else {}),
    }


class Slot(NamedTuple):
    """A request's, at a link. `probe`: the breaker waits for its fate."""

    client: UpstreamClient
    probe: bool

    def leave(self) -> None:
        if self.probe:
            self.client.breaker.left()
        self.client.limiter.leave()
