"""Forwards one request: tries its candidates in order, retries, and relays the first answer."""

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
from edge_router.controller.upstream.deadline import DeadlineTimer
from edge_router.controller.upstream.endpoint import Slot, UpstreamEndpoint
from edge_router.controller.upstream.errors import AllUpstreamsFailedError, UpstreamError
from edge_router.controller.upstream.relay import ResponseRelay
from edge_router.controller.upstream.report import ForwardingReport, Outcome
from edge_router.controller.upstream.response import UpstreamResponse, send_request
from edge_router.controller.upstream.retry_budget import RetryBudget
from edge_router.controller.upstream.stream_answer import relay_stream
from edge_router.controller.upstream.stream_detection import PARSERS
from edge_router.controller.upstream.whole_answer import PromptTooLongError, relay_refusal, relay_whole

MAX_PAUSE_SECONDS = 5
"""If an upstream asks for a longer pause before a retry, there is no retry."""
PAUSE_SECONDS = 0.1
"""The pause before the first retry of the same upstream; it doubles with each retry and varies by half."""


@dataclass
class Forwarding:
    """Tries the candidates until one answers. `report` is up to date at any time, also after an error.

    `headers`: the client's headers that upstreams may see. `retries`: attempts after the first one.
    """

    session: aiohttp.ClientSession
    candidates: deque[UpstreamEndpoint]
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
            endpoint = slot.endpoint
            tried.add(endpoint.name)
            self.report.attempts += 1
            self.report.fallback = self._fallback_reason(endpoint)
            try:
                return await self._attempt(endpoint, relay, timer)
            except UpstreamError as failure:
                self._failures.append(failure)
                if relay.started:
                    return await relay.interrupt(failure)
            finally:
                slot.release()
            if not self.candidates and tried == {endpoint.name} and await self._may_retry(self._failures[-1]):
                self.candidates.append(endpoint)
        await self._give_up(relay)

    async def _next_slot(self) -> Slot | None:
        """A slot at the next candidate that accepts the request; None when no candidate is left."""
        while self.candidates:
            try:
                return await self._acquire(self.candidates.popleft())
            except UpstreamError as failure:
                self._failures.append(failure)
        return None

    async def _acquire(self, endpoint: UpstreamEndpoint) -> Slot:
        if endpoint.limiter.is_free or not endpoint.breaker.admits:
            return await endpoint.acquire()
        started = time.perf_counter()
        try:
            return await endpoint.acquire()
        finally:
            self.report.queued_seconds = (self.report.queued_seconds or 0) + time.perf_counter() - started

    async def _attempt(self, endpoint: UpstreamEndpoint, relay: ResponseRelay, timer: DeadlineTimer) -> None:
        try:
            request = upstream_request(self.request, endpoint)
            response = await send_request(self.session, endpoint, request, self.headers, timer)
            try:
                await _relay(response, request, relay)
            finally:
                response.close()
        except UpstreamError as failure:
            endpoint.failed(failure)
            raise
        endpoint.breaker.succeeded()

    async def _may_retry(self, failure: UpstreamError) -> bool:
        """True after a pause if the only candidate may be tried again; False at once if not."""
        attempts, pause = self.report.attempts, failure.retry_after
        if pause is None:
            pause = PAUSE_SECONDS * 2 ** (attempts - 1) * random.uniform(0.5, 1.5)
        if attempts > self.retries or not failure.retryable or pause > MAX_PAUSE_SECONDS or not self.budget.spend():
            return False
        await asyncio.sleep(pause)
        return True

    def _fallback_reason(self, endpoint: UpstreamEndpoint) -> str | None:
        """The failure of the first candidate; None if `endpoint` is the first candidate."""
        first = self._failures[0] if self._failures else None
        return None if first is None or first.upstream == endpoint.name else f"{first.upstream} {first.reason}"

    async def _give_up(self, relay: ResponseRelay) -> None:
        """Sends the upstream's own refusal if the prompt was too long for it. Else raises AllUpstreamsFailedError."""
        for failure in self._failures:
            if isinstance(failure, PromptTooLongError):
                return await relay.send_whole(failure.response, failure.answer)
        if self.report.attempts:
            self.report.outcome = Outcome.UPSTREAM_FAILED
        raise AllUpstreamsFailedError(self._failures)


def upstream_request(request: LlmRequest, endpoint: UpstreamEndpoint) -> UpstreamRequest:
    """The request in an API that the upstream speaks. Raises UpstreamError if there is none."""
    found = request.to_upstream(endpoint.config.operations, endpoint.config.model)
    if found is None:
        reason = f"does not answer {request.operation}"
        raise UpstreamError(endpoint.name, reason, retryable=False, counts_as_failure=False)
    return found


async def _relay(response: UpstreamResponse, request: UpstreamRequest, relay: ResponseRelay) -> None:
    """Relays a refusal, a stream or a whole answer. Raises UpstreamError."""
    translation = request.translation() if request.translation else None
    if response.status >= 400:
        await relay_refusal(response, translation, relay)
    elif response.content_type in PARSERS:
        await relay_stream(response, translation, relay)
    else:
        await relay_whole(response, translation, relay)
