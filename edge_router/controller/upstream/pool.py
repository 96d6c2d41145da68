"""The LLMs behind the address: who of them answers a request, and what becomes of them meanwhile."""

import asyncio
import random
import time
from collections import deque
from collections.abc import Mapping, Sequence
from typing import Self

import aiohttp
import structlog

from edge_router.asgi.disconnect import CancelOnDisconnect
from edge_router.asgi.types import Receive, Send
from edge_router.controller.api import ErrorFormat, LlmRequest, UpstreamRequest
from edge_router.controller.config import RouterConfig
from edge_router.controller.record import RequestRecord
from edge_router.controller.routing.plan import Plan
from edge_router.controller.settings import RequestLimits
from edge_router.controller.upstream import health
from edge_router.controller.upstream.client import Slot, UpstreamClient, UpstreamState
from edge_router.controller.upstream.deadline import DeadlineTimer
from edge_router.controller.upstream.errors import AllUpstreamsFailedError, UpstreamError
from edge_router.controller.upstream.relay import ResponseRelay, TooLongError
from edge_router.controller.upstream.response import send_request
from edge_router.controller.upstream.retry_budget import RetryBudget

MAX_PAUSE = 5
"""Seconds. An upstream that wants more time than that before it is asked again is reported to the client."""
PAUSE = 0.1
"""Seconds before the same upstream is asked again, and twice that before the next time, more or less."""
SHADOWS = 8
"""Answers to be dropped that are waited for at once."""

log = structlog.get_logger()


class UpstreamPool:
    def __init__(
        self, routes: RouterConfig, session: aiohttp.ClientSession, limits: RequestLimits, keys: Mapping[str, str]
    ) -> None:
        self._session = session
        self._limits = limits
        self._budget = RetryBudget(limits.retry_budget)
        self._clients = {
            name: UpstreamClient(name, upstream, keys.get(name), limits) for name, upstream in routes.upstreams.items()
        }
        self._shadows: set[asyncio.Task[None]] = set()

    def succeeded_by(self, routes: RouterConfig) -> Self:
        """Those of other routes. An upstream that is in both as it was keeps what is known of it and who waits for it.

        Raises ConfigError when a key cannot be read.
        """
        keys = routes.read_keys()
        successor = type(self)(routes, self._session, self._limits, keys)
        successor._budget = self._budget
        for name, client in self._clients.items():
            if routes.upstreams.get(name) == client.upstream and keys.get(name) == client.key:
                successor._clients[name] = client
        return successor

    def up(self, name: str) -> bool:
        """Whether it is there, as far as is known, and is not left alone."""
        return self._clients[name].up

    def states(self) -> Mapping[str, UpstreamState]:
        return {name: client.state for name, client in self._clients.items()}

    async def watch(self) -> None:
        """Asks all of them from time to time whether they are there; runs until it is cancelled."""
        async with asyncio.TaskGroup() as watching:
            for client in self._clients.values():
                watching.create_task(health.watch(self._session, client))

    async def answer(
        self,
        request: LlmRequest,
        plan: Plan,
        error_format: ErrorFormat,
        headers: Mapping[str, str],
        record: RequestRecord,
        receive: Receive,
        send: Send,
    ) -> None:
        """Sends the answer of the first of `plan.upstreams` that gives one.

        Raises NobodyError as long as nothing has been sent, ClientLeftError, ConnectionAbortedError where an answer
        broke off that cannot say so.
        """
        self._budget.earn()
        async with CancelOnDisconnect(receive):
            relay = ResponseRelay(plan, error_format, record, send, DeadlineTimer())
            try:
                await self._answer(request, plan, headers, relay)
            finally:
                relay.timer.close()
                if plan.shadow is not None and relay.started:
                    self._follow(plan.shadow, request, headers)

    async def _answer(self, request: LlmRequest, plan: Plan, headers: Mapping[str, str], relay: ResponseRelay) -> None:
        record = relay.record
        candidates = deque(self._clients[name] for name in plan.upstreams)
        failures: list[UpstreamError] = []
        tried: set[str] = set()
        while record.attempts <= self._limits.retries and (turn := await _enter(candidates, failures, record)):
            client = turn.client
            tried.add(client.name)
            record.attempts += 1
            record.fallback = _fallback(failures, client)
            try:
                return await self._attempt(client, request, headers, relay)
            except UpstreamError as failure:
                failures.append(failure)
                if relay.started:
                    return await relay.break_off(failure)
            finally:
                turn.leave()
            if not candidates and tried == {client.name} and await self._may_again(failures[-1], record):
                candidates.append(client)
        await _give_up(failures, relay)

    async def _attempt(
        self, client: UpstreamClient, request: LlmRequest, headers: Mapping[str, str], relay: ResponseRelay
    ) -> None:
        try:
            to_upstream = _outgoing(request, client)
            response = await send_request(self._session, client, to_upstream, headers, relay.timer)
            try:
                await relay.deliver(response, to_upstream)
            finally:
                response.close()
        except UpstreamError as failure:
            client.failed(failure)
            raise
        client.breaker.succeeded()

    async def _may_again(self, failure: UpstreamError, record: RequestRecord) -> bool:
        """Whether the only upstream there is may be asked once more, as soon as this returns."""
        pause = failure.retry_after
        if pause is None:
            pause = PAUSE * 2 ** (record.attempts - 1) * random.uniform(0.5, 1.5)
        if (
            record.attempts > self._limits.retries
            or not failure.retryable
            or pause > MAX_PAUSE
            or not self._budget.spend()
        ):
            return False
        await asyncio.sleep(pause)
        return True

    def _follow(self, name: str, request: LlmRequest, headers: Mapping[str, str]) -> None:
        """Asks a shadow the same. It never delays anybody: where something must wait, it is the shadow that is left
        out."""
        client = self._clients[name]
        if len(self._shadows) >= SHADOWS or not client.limiter.free or not client.breaker.admits:
            log.info("shadow left out", upstream=name)
            return
        task = asyncio.create_task(self._shadow(client, request, headers))
        self._shadows.add(task)
        task.add_done_callback(self._shadows.discard)

    async def _shadow(self, client: UpstreamClient, request: LlmRequest, headers: Mapping[str, str]) -> None:
        began = time.perf_counter()
        record = RequestRecord("", request.operation)
        try:
            turn = await client.enter(record)
        except UpstreamError:
            return
        timer = DeadlineTimer()
        try:
            response = await send_request(self._session, client, _outgoing(request, client), headers, timer)
            try:
                while await response.piece():
                    pass
            finally:
                response.close()
            outcome = f"answered {response.status}"
        except UpstreamError as failure:
            client.failed(failure)
            outcome = failure.reason
        finally:
            timer.close()
            turn.leave()
        log.info("shadow", upstream=client.name, outcome=outcome, took=round(time.perf_counter() - began, 3))


async def _enter(
    candidates: deque[UpstreamClient], failures: list[UpstreamError], record: RequestRecord
) -> Slot | None:
    """The turn at the next that may be asked now; those that may not are left out."""
    while candidates:
        try:
            return await candidates.popleft().enter(record)
        except UpstreamError as failure:
            failures.append(failure)
    return None


def _outgoing(request: LlmRequest, client: UpstreamClient) -> UpstreamRequest:
    to_upstream = request.to_upstream(client.upstream.operations, client.upstream.model)
    if to_upstream is None:
        raise UpstreamError(
            client.name, f"does not speak {request.operation}", retryable=False, counts_as_failure=False
        )
    return to_upstream


def _fallback(failures: Sequence[UpstreamError], client: UpstreamClient) -> str | None:
    """Why it is not the first choice that answers."""
    if failures and failures[0].upstream != client.name:
        return f"{failures[0].upstream} {failures[0].reason}"
    return None


async def _give_up(failures: Sequence[UpstreamError], relay: ResponseRelay) -> None:
    """A prompt that is too long for whom it was meant for, and that nobody else took, is the client's to know."""
    for failure in failures:
        if isinstance(failure, TooLongError):
            return await relay.too_long(failure)
    if relay.record.attempts:
        relay.record.outcome = "upstream failed"
    raise AllUpstreamsFailedError(failures)
