"""One upstream at run time: address, key, time limits, concurrency limit, circuit breaker and health."""

import asyncio
from collections.abc import Mapping
from typing import NamedTuple

import aiohttp
import structlog
from yarl import URL

from edge_router import __version__
from edge_router.controller.api import ANTHROPIC_OPERATIONS, Operation
from edge_router.controller.config import UpstreamConfig
from edge_router.controller.settings import RequestLimits
from edge_router.controller.upstream.breaker import BreakerState, CircuitBreaker
from edge_router.controller.upstream.errors import UpstreamError
from edge_router.controller.upstream.limiter import ConcurrencyLimiter, QueueFullError

BUSY_RETRY_SECONDS = 1
"""`retry-after` when the queue is full."""
PROBE_PATHS: Mapping[str, str] = {"openai": "/models", "anthropic": "/models", "ollama": "/api/version"}
"""The path of a health probe, by kind: it costs the upstream nothing."""
ANTHROPIC_DEFAULTS: Mapping[str, str] = {"anthropic-version": "2023-06-01"}
"""Anthropic's API requires this header; clients that leave it out get its only version so far."""

log = structlog.get_logger()


class UpstreamState(NamedTuple):
    """A snapshot for health and metrics. `running` and `waiting` count requests."""

    up: bool
    breaker: BreakerState
    running: int
    waiting: int


class UpstreamEndpoint:
    """The settings and the state of one upstream. `response.send_request` sends requests to it."""

    def __init__(self, name: str, config: UpstreamConfig, key: str | None, limits: RequestLimits) -> None:
        self.name = name
        self.config = config
        self.key = key
        self.breaker = CircuitBreaker(limits.breaker_failures, limits.breaker_seconds)
        self.limiter = ConcurrencyLimiter(config.concurrency, config.queue)
        self.probe_due = asyncio.Event()
        """Set when a request could not reach the upstream."""
        self.first_byte_seconds = config.first_byte_seconds or limits.first_byte_seconds
        self.idle_seconds = config.idle_seconds or limits.idle_seconds
        self.total_seconds = config.total_seconds
        self._healthy = True
        connect = config.connect_seconds or limits.connect_seconds
        self.timeout = aiohttp.ClientTimeout(total=None, connect=connect)
        self.probe_timeout = aiohttp.ClientTimeout(total=connect + limits.connect_seconds)
        self.headers = {operation: _headers(config, key, operation) for operation in Operation}
        self.urls = {operation: URL(config.address(operation)) for operation in config.operations}
        self.probe_url = URL(config.base + PROBE_PATHS[config.kind])

    def request_headers(self, operation: Operation, forwarded: Mapping[str, str]) -> dict[str, str]:
        """`forwarded`: the client's headers that the upstream may see."""
        defaults = ANTHROPIC_DEFAULTS if operation in ANTHROPIC_OPERATIONS else {}
        return {**defaults, **forwarded, **self.headers[operation]}

    @property
    def is_up(self) -> bool:
        return self._healthy and self.breaker.state != BreakerState.OPEN

    @property
    def state(self) -> UpstreamState:
        return UpstreamState(self.is_up, self.breaker.state, self.limiter.running, self.limiter.waiting)

    async def acquire(self) -> "Slot":
        """Waits for a slot, which must be released.

        Raises UpstreamError when the queue is full, the wait takes too long or the circuit breaker is open.
        """
        self._check_breaker()
        try:
            await self.limiter.acquire(self.first_byte_seconds)
        except QueueFullError:
            raise self._busy(f"is busy; {self.limiter.waiting} requests wait for it") from None
        except TimeoutError:
            raise self._busy(f"was busy for {self.first_byte_seconds:g} s") from None
        try:
            self._check_breaker()  # it may have opened during the wait
        except UpstreamError:
            self.limiter.release()
            raise
        return Slot(self, self.breaker.admit())

    def _busy(self, reason: str) -> UpstreamError:
        return UpstreamError(self.name, reason, 503, BUSY_RETRY_SECONDS, retryable=False, counts_as_failure=False)

    def _check_breaker(self) -> None:
        if not self.breaker.admits:
            wait = max(self.breaker.retry_in, BUSY_RETRY_SECONDS)
            reason = "failed several times in a row and gets no requests for a while"
            raise UpstreamError(self.name, reason, 503, wait, retryable=False, counts_as_failure=False)

    def response_started(self) -> None:
        self.breaker.response_started()
        self.report_health(None)

    def failed(self, failure: UpstreamError) -> None:
        if failure.counts_as_failure:
            before = self.breaker.state
            self.breaker.failed()
            if before != BreakerState.OPEN and self.breaker.state == BreakerState.OPEN:
                log.warning("circuit opened", upstream=self.name, reason=failure.reason)
        else:
            self.breaker.succeeded()
        if failure.unreachable:
            self.probe_due.set()

    def report_health(self, problem: str | None) -> None:
        """`problem`: of the last probe or response; None if it was good. Logs each change."""
        if self._healthy != (problem is None):
            self._healthy = problem is None
            if self._healthy:
                log.info("upstream up", upstream=self.name)
            else:
                log.warning("upstream down", upstream=self.name, reason=problem)


def _headers(config: UpstreamConfig, key: str | None, operation: Operation) -> Mapping[str, str]:
    return {
        "accept-encoding": "identity",
        "content-type": "application/json",
        "user-agent": f"edge-llm-router/{__version__}",
        **(config.key_headers(key, operation) if key else {}),
    }


class Slot(NamedTuple):
    """A request's place at an upstream. `is_probe`: the circuit breaker waits for its result."""

    endpoint: UpstreamEndpoint
    is_probe: bool

    def release(self) -> None:
        if self.is_probe:
            self.endpoint.breaker.probe_ended()
        self.endpoint.limiter.release()
