"""Schedules inference requests: one run of a model at a time, on one worker thread.

A run uses every core already, so a second one at the same time would only slow the first. The scheduler does not wait
for a batch to fill: when the worker is free, the requests that are queued for one model run as one batch, up to the
model's max_batch_size. A quick run of a single request is done on the event loop's thread instead.
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
from edge_router.pipeline import ServedModel
from edge_router.server.errors import DeadlineExceededError, ModelFailedError, QueueFullError
from edge_router.server.statistics import Statistics
from edge_router.stages import StageResult
from edge_router.tensors import Tensors

log = structlog.get_logger()

QUICK_SECONDS = 0.01
"""Longest run that is done on the event loop's thread. A longer one would block the loop for other requests; a shorter
one saves the 0.1 ms that the way to the worker thread and back takes."""


@dataclass(frozen=True, eq=False)
class QueuedRequest:
    """A request in the queue. `result` is cancelled when the caller stops waiting for it."""

    served: ServedModel
    request: Tensors
    result: "asyncio.Future[StageResult | ModelFailedError]"
    queued_ns: int = field(default_factory=time.perf_counter_ns)


class Scheduler:
    """Queues requests and runs them in batches."""

    def __init__(self, statistics: Statistics, limit: int) -> None:
        """`limit`: requests in the queue or in flight; one more is refused."""
        self._statistics = statistics
        self._limit = limit
        self._pending = 0
        self._queue: SimpleQueue[QueuedRequest] = SimpleQueue()
        self._backlog: deque[QueuedRequest] = deque()
        """Requests that the worker has taken from the queue and not run yet."""
        self._last_run_seconds: dict[tuple[str, int], float] = {}
        """Duration of the last run by model and version."""
        threading.Thread(target=self._work, name="models", daemon=True).start()

    @property
    def pending(self) -> int:
        return self._pending

    async def run(self, served: ServedModel, request: Tensors, seconds: float) -> Tensors:
        """The model's outputs. Cancelling this call drops the request from the queue.

        Raises RequestError when the model refuses the request, QueueFullError, DeadlineExceededError after `seconds`,
        ModelFailedError.
        """
        if self._pending >= self._limit:
            raise QueueFullError(f"the queue is full: {self._pending} requests are waiting; try again later")
        self._pending += 1
        try:
            if self._runs_inline(served, request):
                self._statistics.add_wait(served.model, served.version, 0)
                [result] = self._run(served, [request])
            else:
                result = await self._enqueue(served, request, seconds)
        finally:
            self._pending -= 1
        if isinstance(result, RouterError):
            raise result
        return result

    def _runs_inline(self, served: ServedModel, request: Tensors) -> bool:
        """True for the only pending request, of a single row, whose model's last run was quick."""
        last = self._last_run_seconds.get((served.model, served.version), math.inf)
        return self._pending == 1 and served.signature.rows(request) == 1 and last < QUICK_SECONDS

    async def _enqueue(self, served: ServedModel, request: Tensors, seconds: float) -> StageResult | ModelFailedError:
        queued = QueuedRequest(served, request, asyncio.get_running_loop().create_future())
        self._queue.put(queued)
        try:
            async with asyncio.timeout(seconds):
                return await queued.result
        except TimeoutError:
            raise DeadlineExceededError(
                f"{served.model}: no result within {seconds:g} s; send fewer requests at once"
            ) from None

    def _work(self) -> None:
        while True:
            batch = self._next_batch()
            served, now = batch[0].served, time.perf_counter_ns()
            for queued in batch:
                self._statistics.add_wait(served.model, served.version, now - queued.queued_ns)
            results = self._run(served, [queued.request for queued in batch])
            batch[0].result.get_loop().call_soon_threadsafe(_resolve, batch, results)

    def _next_batch(self) -> list[QueuedRequest]:
        """Waits for a request; returns it with the queued requests of the same model that fit into one batch."""
        while True:
            while self._backlog and self._queue.empty():
                if batch := self._batch():
                    return batch
            self._backlog.append(self._queue.get())

    def _batch(self) -> list[QueuedRequest]:
        """A batch from the backlog; empty when every request of it is cancelled."""
        batch: list[QueuedRequest] = []
        left: deque[QueuedRequest] = deque()
        rows = 0
        for queued in self._backlog:
            if queued.result.cancelled():
                continue
            more = queued.served.signature.rows(queued.request)
            fits = not batch or (
                queued.served is batch[0].served and rows + more <= batch[0].served.signature.max_batch_size
            )
            (batch if fits else left).append(queued)
            rows += more if fits else 0
        self._backlog = left
        return batch

    def _run(self, served: ServedModel, requests: Sequence[Tensors]) -> list[StageResult | ModelFailedError]:
        started = time.perf_counter()
        try:
            return [*served.run(requests)]
        except Exception as error:
            # Only the error's type is logged: its text may hold the request's content.
            log.error("model failed", model=served.model, version=served.version, error=type(error).__name__)
            failure = ModelFailedError(f"{served.model} failed on this request; the server's log names the error")
            return [failure for _ in requests]
        finally:
            self._last_run_seconds[served.model, served.version] = time.perf_counter() - started


def _resolve(batch: list[QueuedRequest], results: list[StageResult | ModelFailedError]) -> None:
    for queued, result in zip(batch, results, strict=True):
        if not queued.result.done():
            queued.result.set_result(result)
