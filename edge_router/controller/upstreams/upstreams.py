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
from edge_router.controller.asked import Asked, Outgoing, Surface
from edge_router.controller.record import Record
from edge_router.controller.routes.routes import Routes
from edge_router.controller.routing.plan import Plan
from edge_router.controller.settings import Limits
from edge_router.controller.upstreams import health
from edge_router.controller.upstreams.attempt import ask
from edge_router.controller.upstreams.budget import Budget
from edge_router.controller.upstreams.delivery import Delivery, TooLongError
from edge_router.controller.upstreams.failure import NobodyError, UpstreamError
from edge_router.controller.upstreams.link import Link, LinkState, Turn
from edge_router.controller.upstreams.patience import Patience

MAX_PAUSE = 5
"""Seconds. An upstream that wants more time than that before it is asked again is reported to the client."""
PAUSE = 0.1
"""Seconds before the same upstream is asked again, and twice that before the next time, more or less."""
SHADOWS = 8
"""Answers to be dropped that are waited for at once."""

log = structlog.get_logger()


class Upstreams:
    def __init__(self, routes: Routes, session: aiohttp.ClientSession, limits: Limits, keys: Mapping[str, str]) -> None:
        self._session = session
        self._limits = limits
        self._budget = Budget(limits.retry_budget)
        self._links = {
            name: Link(name, upstream, keys.get(name), limits) for name, upstream in routes.upstreams.items()
        }
        self._shadows: set[asyncio.Task[None]] = set()

    def succeeded_by(self, routes: Routes) -> Self:
        """Those of other routes. An upstream that is in both as it was keeps what is known of it and who waits for it.

        Raises ConfigError when a key cannot be read.
        """
        keys = routes.read_keys()
        successor = type(self)(routes, self._session, self._limits, keys)
        successor._budget = self._budget
        for name, link in self._links.items():
            if routes.upstreams.get(name) == link.upstream and keys.get(name) == link.key:
                successor._links[name] = link
        return successor

    def up(self, name: str) -> bool:
        """Whether it is there, as far as is known, and is not left alone."""
        return self._links[name].up

    def states(self) -> Mapping[str, LinkState]:
        return {name: link.state for name, link in self._links.items()}

    async def watch(self) -> None:
        """Asks all of them from time to time whether they are there; runs until it is cancelled."""
        async with asyncio.TaskGroup() as watching:
            for link in self._links.values():
                watching.create_task(health.watch(self._session, link))

    async def answer(
        self,
        asked: Asked,
        plan: Plan,
        surface: Surface,
        headers: Mapping[str, str],
        record: Record,
        receive: Receive,
        send: Send,
    ) -> None:
        """Sends the answer of the first of `plan.upstreams` that gives one.

        Raises NobodyError as long as nothing has been sent, ClientLeftError, ConnectionAbortedError where an answer
        broke off that cannot say so.
        """
        self._budget.earn()
        async with CancelOnDisconnect(receive):
            delivery = Delivery(plan, surface, record, send, Patience())
            try:
                await self._answer(asked, plan, headers, delivery)
            finally:
                delivery.patience.close()
                if plan.shadow is not None and delivery.started:
                    self._follow(plan.shadow, asked, headers)

    async def _answer(self, asked: Asked, plan: Plan, headers: Mapping[str, str], delivery: Delivery) -> None:
        record = delivery.record
        candidates = deque(self._links[name] for name in plan.upstreams)
        failures: list[UpstreamError] = []
        tried: set[str] = set()
        while record.attempts <= self._limits.retries and (turn := await _enter(candidates, failures, record)):
            link = turn.link
            tried.add(link.name)
            record.attempts += 1
            record.fallback = _fallback(failures, link)
            try:
                return await self._attempt(link, asked, headers, delivery)
            except UpstreamError as failure:
                failures.append(failure)
                if delivery.started:
                    return await delivery.break_off(failure)
            finally:
                turn.leave()
            if not candidates and tried == {link.name} and await self._may_again(failures[-1], record):
                candidates.append(link)
        await _give_up(failures, delivery)

    async def _attempt(self, link: Link, asked: Asked, headers: Mapping[str, str], delivery: Delivery) -> None:
        try:
            outgoing = _outgoing(asked, link)
            reply = await ask(self._session, link, outgoing, headers, delivery.patience)
            try:
                await delivery.deliver(reply, outgoing)
            finally:
                reply.close()
        except UpstreamError as failure:
            link.failed(failure)
            raise
        link.breaker.succeeded()

    async def _may_again(self, failure: UpstreamError, record: Record) -> bool:
        """Whether the only upstream there is may be asked once more, as soon as this returns."""
        pause = failure.retry_after
        if pause is None:
            pause = PAUSE * 2 ** (record.attempts - 1) * random.uniform(0.5, 1.5)
        if record.attempts > self._limits.retries or not failure.again or pause > MAX_PAUSE or not self._budget.spend():
            return False
        await asyncio.sleep(pause)
        return True

    def _follow(self, name: str, asked: Asked, headers: Mapping[str, str]) -> None:
        """Asks a shadow the same. It never delays anybody: where something must wait, it is the shadow that is left
        out."""
        link = self._links[name]
        if len(self._shadows) >= SHADOWS or not link.gate.free or not link.breaker.admits:
            log.info("shadow left out", upstream=name)
            return
        task = asyncio.create_task(self._shadow(link, asked, headers))
        self._shadows.add(task)
        task.add_done_callback(self._shadows.discard)

    async def _shadow(self, link: Link, asked: Asked, headers: Mapping[str, str]) -> None:
        began = time.perf_counter()
        record = Record("", asked.operation)
        try:
            turn = await link.enter(record)
        except UpstreamError:
            return
        patience = Patience()
        try:
            reply = await ask(self._session, link, _outgoing(asked, link), headers, patience)
            try:
                while await reply.piece():
                    pass
            finally:
                reply.close()
            outcome = f"answered {reply.status}"
        except UpstreamError as failure:
            link.failed(failure)
            outcome = failure.reason
        finally:
            patience.close()
            turn.leave()
        log.info("shadow", upstream=link.name, outcome=outcome, took=round(time.perf_counter() - began, 3))


async def _enter(candidates: deque[Link], failures: list[UpstreamError], record: Record) -> Turn | None:
    """The turn at the next that may be asked now; those that may not are left out."""
    while candidates:
        try:
            return await candidates.popleft().enter(record)
        except UpstreamError as failure:
            failures.append(failure)
    return None


def _outgoing(asked: Asked, link: Link) -> Outgoing:
    outgoing = asked.outgoing(link.upstream.operations, link.upstream.model)
    if outgoing is None:
        raise UpstreamError(link.name, f"does not speak {asked.operation}", again=False, broken=False)
    return outgoing


def _fallback(failures: Sequence[UpstreamError], link: Link) -> str | None:
    """Why it is not the first choice that answers."""
    if failures and failures[0].upstream != link.name:
        return f"{failures[0].upstream} {failures[0].reason}"
    return None


async def _give_up(failures: Sequence[UpstreamError], delivery: Delivery) -> None:
    """A prompt that is too long for whom it was meant for, and that nobody else took, is the client's to know."""
    for failure in failures:
        if isinstance(failure, TooLongError):
            return await delivery.too_long(failure)
    if delivery.record.attempts:
        delivery.record.outcome = "upstream failed"
    raise NobodyError(failures)
