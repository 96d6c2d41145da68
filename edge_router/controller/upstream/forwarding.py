"""One request on its way through the upstreams: the candidates in order, retries, and the answer."""

import asyncio
import random
import time
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field

import aiohttp

from edge_router.asgi.disconnect import CancelOnDisconnect
from edge_router.asgi.types import Receive, Send
from edge_router.controller.api import ErrorFormat, LlmRequest, UpstreamRequest
from edge_router.controller.routing import Plan
from edge_router.controller.upstream.client import Slot, UpstreamClient
from edge_router.controller.upstream.deadline import DeadlineTimer
from edge_router.controller.upstream.errors import AllUpstreamsFailedError, UpstreamError
from edge_router.controller.upstream.relay import ResponseRelay
from edge_router.controller.upstream.report import ForwardingReport, Outcome
from edge_router.controller.upstream.response import UpstreamResponse, send_request
from edge_router.controller.upstream.retry_budget import RetryBudget
from edge_router.controller.upstream.stream_answer import relay_stream
from edge_router.controller.upstream.stream_detection import PARSERS
from edge_router.controller.upstream.whole_answer import PromptTooLongError, relay_refusal, relay_whole

MAX_PAUSE_SECONDS = 5
"""When an upstream asks for a longer pause before a retry, the client gets its failure."""
PAUSE_SECONDS = 0.1
"""The pause before the first retry of the same upstream; it doubles with each retry and varies by half."""


@dataclass
class Forwarding:
    """Tries the candidates until one answers. `report` says at any time what has become of the request.

    `headers`: those of the client that the upstreams may see. `retries`: attempts after the first one.
    """

    session: aiohttp.ClientSession
    candidates: deque[UpstreamClient]
    retries: int
    budget: RetryBudget
    request: LlmRequest
    plan: Plan
    error_format: ErrorFormat
    headers: Mapping[str, str]
    request_id: str
    report: ForwardingReport = field(default_factory=ForwardingReport)
    _failures: list[UpstreamError] = field(default_factory=list)

    async def run(self, receive: Receive, send: Send) -> None:
        """Sends the client the first answer.

        Raises AllUpstreamsFailedError while nothing has been sent, ClientDisconnectedError, and ConnectionAbortedError
        for an interrupted answer that is not a stream.
        """
        self.budget.earn()
        async with CancelOnDisconnect(receive):
            timer = DeadlineTimer()
            relay = ResponseRelay(send, self.plan, self.error_format, self.request_id, self.report, timer)
            try:
                await self._try_candidates(relay, timer)
            finally:
                timer.close()

    async def _try_candidates(self, relay: ResponseRelay, timer: DeadlineTimer) -> None:
        tried: set[str] = set()
        while self.report.attempts <= self.retries and (slot := await self._next_slot()):
            client = slot.client
            tried.add(client.name)
            self.report.attempts += 1
            self.report.fallback = self._fallback_reason(client)
            try:
                return await self._attempt(client, relay, timer)
            except UpstreamError as failure:
                self._failures.append(failure)
                if relay.started:
                    return await relay.interrupt(failure)
            finally:
                slot.release()
            if not self.candidates and tried == {client.name} and await self._may_retry(self._failures[-1]):
                self.candidates.append(client)
        await self._give_up(relay)

    async def _next_slot(self) -> Slot | None:
        """A slot at the next candidate that accepts the request; None when no candidate is left."""
        while self.candidates:
            try:
                return await self._acquire(self.candidates.popleft())
            except UpstreamError as failure:
                self._failures.append(failure)
        return None

    async def _acquire(self, client: UpstreamClient) -> Slot:
        if client.limiter.is_free or not client.breaker.admits:
            return await client.acquire()
        started = time.perf_counter()
        try:
            return await client.acquire()
        finally:
            self.report.queued_seconds = (self.report.queued_seconds or 0) + time.perf_counter() - started

    async def _attempt(self, client: UpstreamClient, relay: ResponseRelay, timer: DeadlineTimer) -> None:
        try:
            request = upstream_request(self.request, client)
            response = await send_request(self.session, client, request, self.headers, timer)
            try:
                await _relay(response, request, relay)
            finally:
                response.close()
        except UpstreamError as failure:
            client.failed(failure)
            raise
        client.breaker.succeeded()

    async def _may_retry(self, failure: UpstreamError) -> bool:
        """Waits before a retry of the only candidate; False when there must be none."""
        attempts, pause = self.report.attempts, failure.retry_after
        if pause is None:
            pause = PAUSE_SECONDS * 2 ** (attempts - 1) * random.uniform(0.5, 1.5)
        if attempts > self.retries or not failure.retryable or pause > MAX_PAUSE_SECONDS or not self.budget.spend():
            return False
        await asyncio.sleep(pause)
        return True

    def _fallback_reason(self, client: UpstreamClient) -> str | None:
        """None while the first candidate is tried."""
        first = self._failures[0] if self._failures else None
        return None if first is None or first.upstream == client.name else f"{first.upstream} {first.reason}"

    async def _give_up(self, relay: ResponseRelay) -> None:
        """If the prompt exceeds the context of every candidate, the client gets the upstream's own refusal."""
        for failure in self._failures:
            if isinstance(failure, PromptTooLongError):
                return await relay.send_whole(failure.response, failure.answer)
        if self.report.attempts:
            self.report.outcome = Outcome.UPSTREAM_FAILED
        raise AllUpstreamsFailedError(self._failures)


def upstream_request(request: LlmRequest, client: UpstreamClient) -> UpstreamRequest:
    """The request in the upstream's API. Raises UpstreamError when it does not answer such requests."""
    found = request.to_upstream(client.config.operations, client.config.model)
    if found is None:
        reason = f"does not answer {request.operation}"
        raise UpstreamError(client.name, reason, retryable=False, counts_as_failure=False)
    return found


async def _relay(response: UpstreamResponse, request: UpstreamRequest, relay: ResponseRelay) -> None:
    """Raises UpstreamError."""
    translation = request.translation() if request.translation else None
    if response.status >= 400:
        await relay_refusal(response, translation, relay)
    elif response.content_type in PARSERS:
        await relay_stream(response, translation, relay)
    else:
        await relay_whole(response, translation, relay)
