"""One run at a time: a network uses every core already, so a second at once would only slow the first.

Nobody waits for a batch to fill: what is queued when the models' thread is free is taken together, as many rows as the
model takes. A quick run that would have that thread to itself is done on the loop's own.
"""

import asyncio
import math
import threading
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from queue import SimpleQueue

import structlog

from edge_router.errors import RouterError
from edge_router.pipeline import Served
from edge_router.server.errors import DeadlineError, ModelFailedError, QueueFullError
from edge_router.server.statistics import Statistics
from edge_router.stages import Answer
from edge_router.tensors import Tensors

log = structlog.get_logger()

QUICK_SECONDS = 0.01
"""The way to another thread and back takes 0.1 ms, which a run of 2 ms would notice; a run that takes longer than this
would keep the loop from everybody else."""


@dataclass(frozen=True, eq=False)
class Ticket:
    """One request in the queue. Its future is cancelled when nobody waits for the answer any more."""

    served: Served
    request: Tensors
    answer: "asyncio.Future[Answer | ModelFailedError]"
    since_ns: int = field(default_factory=time.perf_counter_ns)


class Scheduler:
    def __init__(self, statistics: Statistics, limit: int) -> None:
        """`limit`: requests that may be in the queue or under way; one more is refused."""
        self._statistics = statistics
        self._limit = limit
        self._pending = 0
        self._queue: SimpleQueue[Ticket] = SimpleQueue()
        self._taken: deque[Ticket] = deque()
        self._last: dict[tuple[str, int], float] = {}
        """Seconds that the last run of a version took."""
        threading.Thread(target=self._work, name="models", daemon=True).start()

    @property
    def pending(self) -> int:
        return self._pending

    async def run(self, served: Served, request: Tensors, seconds: float) -> Tensors:
        """The model's outputs. Cancelling this drops the request from the queue.

        Raises RequestError when the model refuses it, QueueFullError, DeadlineError after `seconds`, ModelFailedError.
        """
        if self._pending >= self._limit:
            raise QueueFullError(f"{self._pending} requests are waiting already; try again later")
        self._pending += 1
        try:
            if self._quick(served, request):
                self._statistics.waited(served.model, served.version, 0)
                [answer] = self._answers(served, [request])
            else:
                answer = await self._queued(served, request, seconds)
        finally:
            self._pending -= 1
        if isinstance(answer, RouterError):
            raise answer
        return answer

    def _quick(self, served: Served, request: Tensors) -> bool:
        """Whether it would be alone, is a single row, and the model's last run was over soon."""
        last = self._last.get((served.model, served.version), math.inf)
        return self._pending == 1 and served.signature.rows(request) == 1 and last < QUICK_SECONDS

    async def _queued(self, served: Served, request: Tensors, seconds: float) -> Answer | ModelFailedError:
        ticket = Ticket(served, request, asyncio.get_running_loop().create_future())
        self._queue.put(ticket)
        try:
            async with asyncio.timeout(seconds):
                return await ticket.answer
        except TimeoutError:
            raise DeadlineError(
                f"{served.model}: no answer within {seconds:g} s; send fewer requests at once"
            ) from None

    def _work(self) -> None:
        while True:
            batch = self._next()
            served, now = batch[0].served, time.perf_counter_ns()
            for ticket in batch:
                self._statistics.waited(served.model, served.version, now - ticket.since_ns)
            answers = self._answers(served, [ticket.request for ticket in batch])
            batch[0].answer.get_loop().call_soon_threadsafe(_deliver, batch, answers)

    def _next(self) -> list[Ticket]:
        """The oldest request, and with it those of the same model that fit into one batch. Waits for it."""
        while True:
            while self._taken and self._queue.empty():
                if batch := self._batch():
                    return batch
            self._taken.append(self._queue.get())

    def _batch(self) -> list[Ticket]:
        """Empty when everything taken was given up."""
        batch: list[Ticket] = []
        left: deque[Ticket] = deque()
        rows = 0
        for ticket in self._taken:
            if ticket.answer.cancelled():
                continue
            more = ticket.served.signature.rows(ticket.request)
            fits = not batch or (
                ticket.served is batch[0].served and rows + more <= batch[0].served.signature.max_batch_size
            )
            (batch if fits else left).append(ticket)
            rows += more if fits else 0
        self._taken = left
        return batch

    def _answers(self, served: Served, requests: Sequence[Tensors]) -> list[Answer | ModelFailedError]:
        started = time.perf_counter()
        try:
            return [*served.run(requests)]
        except Exception as error:
            # The log gets the kind of error: its text may hold what the request held.
            log.error("model failed", model=served.model, version=served.version, error=type(error).__name__)
            failure = ModelFailedError(f"{served.model} failed on this request; the server's log names the error")
            return [failure for _ in requests]
        finally:
            self._last[served.model, served.version] = time.perf_counter() - started


def _deliver(batch: list[Ticket], answers: list[Answer | ModelFailedError]) -> None:
    for ticket, answer in zip(batch, answers, strict=True):
        if not ticket.answer.done():
            ticket.answer.set_result(answer)
