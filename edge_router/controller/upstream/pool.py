"""The upstreams of one configuration: requests are forwarded to them, and their health is probed."""

import asyncio
import time
from collections import deque
from collections.abc import Mapping
from typing import Self

import aiohttp
import structlog

from edge_router.controller.api import ErrorFormat, LlmRequest
from edge_router.controller.config import RouterConfig
from edge_router.controller.routing import Plan
from edge_router.controller.settings import RequestLimits
from edge_router.controller.upstream import health
from edge_router.controller.upstream.deadline import DeadlineTimer
from edge_router.controller.upstream.endpoint import UpstreamEndpoint, UpstreamState
from edge_router.controller.upstream.errors import UpstreamError
from edge_router.controller.upstream.forwarding import Forwarding, upstream_request
from edge_router.controller.upstream.response import send_request
from edge_router.controller.upstream.retry_budget import RetryBudget

MAX_SHADOWS = 8
"""Requests to shadows at the same time."""

log = structlog.get_logger()


class UpstreamPool:
    """The endpoints of one configuration, by the name of the upstream."""

    def __init__(
        self, config: RouterConfig, session: aiohttp.ClientSession, limits: RequestLimits, keys: Mapping[str, str]
    ) -> None:
        """`keys`: API keys by upstream."""
        self._session = session
        self._limits = limits
        self._budget = RetryBudget(limits.retry_budget)
        self._endpoints = {
            name: UpstreamEndpoint(name, upstream, keys.get(name), limits)
            for name, upstream in config.upstreams.items()
        }
        self._shadows: set[asyncio.Task[None]] = set()

    def reconfigured(self, config: RouterConfig) -> Self:
        """The pool of another configuration. An upstream with unchanged settings keeps its health, its circuit
        breaker and its queue.

        Raises ConfigError when a key cannot be read.
        """
        keys = config.read_keys()
        pool = type(self)(config, self._session, self._limits, keys)
        pool._budget = self._budget
        for name, endpoint in self._endpoints.items():
            if config.upstreams.get(name) == endpoint.config and keys.get(name) == endpoint.key:
                pool._endpoints[name] = endpoint
        return pool

    def is_up(self, name: str) -> bool:
        """True when the upstream's last probe or response was good and its circuit breaker is not open."""
        return self._endpoints[name].is_up

    def states(self) -> Mapping[str, UpstreamState]:
        return {name: endpoint.state for name, endpoint in self._endpoints.items()}

    async def watch(self) -> None:
        """Probes the health of every upstream until cancelled."""
        async with asyncio.TaskGroup() as probes:
            for endpoint in self._endpoints.values():
                probes.create_task(health.watch(self._session, endpoint))

    def forwarding(
        self, request: LlmRequest, plan: Plan, error_format: ErrorFormat, headers: Mapping[str, str], request_id: str
    ) -> Forwarding:
        """Prepares to forward a request to `plan.upstreams`. `headers`: the client's headers that upstreams may see."""
        candidates = deque(self._endpoints[name] for name in plan.upstreams)
        retries = self._limits.retries
        return Forwarding(
            self._session, candidates, retries, self._budget, request, plan, error_format, headers, request_id
        )

    def shadow(self, name: str, request: LlmRequest, headers: Mapping[str, str]) -> None:
        """Sends the request to a shadow too, unless it would have to wait: a shadow must not delay other requests."""
        endpoint = self._endpoints[name]
        if len(self._shadows) >= MAX_SHADOWS or not endpoint.limiter.is_free or not endpoint.breaker.admits:
            log.info("shadow skipped", upstream=name)
            return
        task = asyncio.create_task(self._shadow(endpoint, request, headers))
        self._shadows.add(task)
        task.add_done_callback(self._shadows.discard)

    async def _shadow(self, endpoint: UpstreamEndpoint, request: LlmRequest, headers: Mapping[str, str]) -> None:
        started = time.perf_counter()
        try:
            slot = await endpoint.acquire()
        except UpstreamError:
            return
        timer = DeadlineTimer()
        try:
            response = await send_request(self._session, endpoint, upstream_request(request, endpoint), headers, timer)
            try:
                while await response.read_chunk():
                    pass
            finally:
                response.close()
            result = f"answered {response.status}"
        except UpstreamError as failure:
            endpoint.failed(failure)
            result = failure.reason
        finally:
            timer.close()
            slot.release()
        log.info("shadow", upstream=endpoint.name, outcome=result, took=round(time.perf_counter() - started, 3))
