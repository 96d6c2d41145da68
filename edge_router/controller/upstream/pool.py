"""The upstreams of one configuration: their clients, their health, and the requests that they get."""

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
from edge_router.controller.upstream.client import UpstreamClient, UpstreamState
from edge_router.controller.upstream.deadline import DeadlineTimer
from edge_router.controller.upstream.errors import UpstreamError
from edge_router.controller.upstream.forwarding import Forwarding, upstream_request
from edge_router.controller.upstream.response import send_request
from edge_router.controller.upstream.retry_budget import RetryBudget

MAX_SHADOWS = 8
"""Requests to shadows at the same time."""

log = structlog.get_logger()


class UpstreamPool:
    """One client for each upstream of a configuration."""

    def __init__(
        self, config: RouterConfig, session: aiohttp.ClientSession, limits: RequestLimits, keys: Mapping[str, str]
    ) -> None:
        """`keys`: API keys by upstream."""
        self._session = session
        self._limits = limits
        self._budget = RetryBudget(limits.retry_budget)
        self._clients = {
            name: UpstreamClient(name, upstream, keys.get(name), limits) for name, upstream in config.upstreams.items()
        }
        self._shadows: set[asyncio.Task[None]] = set()

    def reconfigured(self, config: RouterConfig) -> Self:
        """The pool of another configuration. An upstream with the same settings keeps its client, and so its health,
        its breaker and its queue.

        Raises ConfigError when a key cannot be read.
        """
        keys = config.read_keys()
        pool = type(self)(config, self._session, self._limits, keys)
        pool._budget = self._budget
        for name, client in self._clients.items():
            if config.upstreams.get(name) == client.config and keys.get(name) == client.key:
                pool._clients[name] = client
        return pool

    def is_up(self, name: str) -> bool:
        """True when the upstream's last probe or response was good and its circuit breaker is not open."""
        return self._clients[name].is_up

    def states(self) -> Mapping[str, UpstreamState]:
        return {name: client.state for name, client in self._clients.items()}

    async def watch(self) -> None:
        """Probes the health of every upstream until cancelled."""
        async with asyncio.TaskGroup() as probes:
            for client in self._clients.values():
                probes.create_task(health.watch(self._session, client))

    def forwarding(
        self, request: LlmRequest, plan: Plan, error_format: ErrorFormat, headers: Mapping[str, str], request_id: str
    ) -> Forwarding:
        """A request on its way to `plan.upstreams`. `headers`: those of the client that the upstreams may see."""
        candidates = deque(self._clients[name] for name in plan.upstreams)
        retries = self._limits.retries
        return Forwarding(
            self._session, candidates, retries, self._budget, request, plan, error_format, headers, request_id
        )

    def shadow(self, name: str, request: LlmRequest, headers: Mapping[str, str]) -> None:
        """Sends a shadow the same request, unless the shadow would have to wait: it must not delay other requests."""
        client = self._clients[name]
        if len(self._shadows) >= MAX_SHADOWS or not client.limiter.is_free or not client.breaker.admits:
            log.info("shadow skipped", upstream=name)
            return
        task = asyncio.create_task(self._shadow(client, request, headers))
        self._shadows.add(task)
        task.add_done_callback(self._shadows.discard)

    async def _shadow(self, client: UpstreamClient, request: LlmRequest, headers: Mapping[str, str]) -> None:
        started = time.perf_counter()
        try:
            slot = await client.acquire()
        except UpstreamError:
            return
        timer = DeadlineTimer()
        try:
            response = await send_request(self._session, client, upstream_request(request, client), headers, timer)
            try:
                while await response.read_chunk():
                    pass
            finally:
                response.close()
            result = f"answered {response.status}"
        except UpstreamError as failure:
            client.failed(failure)
            result = failure.reason
        finally:
            timer.close()
            slot.release()
        log.info("shadow", upstream=client.name, outcome=result, took=round(time.perf_counter() - started, 3))
