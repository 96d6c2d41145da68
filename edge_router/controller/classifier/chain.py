"""Who is asked first, and who next: a router-server, the network in this process, the memory of earlier decisions."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import TypeAlias

import structlog

from edge_router.controller.classifier.cache import DecisionCache
from edge_router.controller.classifier.classification import Classification, ClassificationSource
from edge_router.controller.classifier.decision import Decisions
from edge_router.controller.classifier.remote import Classifier, InProcessClassifier, Labels
from edge_router.controller.classifier.replica import PROBE_TEXT, Replica
from edge_router.controller.classifier.replica_pool import ReplicaPool, Resolve, addresses
from edge_router.controller.config import ClassifierConfig
from edge_router.errors import RequestError, RouterError, UnavailableError

RETRY_SECONDS = 1.0
LOCAL_SHARE = (0.25, 0.5)
"""Of the budget, what is left to the network in this process: at least, at most."""
UNAVAILABLE = "classifier unavailable"

CheckLabels: TypeAlias = Callable[[Labels], None]
"""Called with the labels of whoever answers. Raises ConfigError where the routes do not fit them: it is not asked."""
ClassifyStep: TypeAlias = Callable[[bytes, str, Labels, float], Awaitable[Decisions]]
"""(key of the text, text, labels, deadline in the loop's time)."""

log = structlog.get_logger()


class ClassifierChain:
    """The `Judge`."""

    def __init__(
        self,
        section: ClassifierConfig,
        local: InProcessClassifier | None,
        check_labels: CheckLabels,
        resolve: Resolve = addresses,
    ) -> None:
        """`local` stays the caller's, and may outlive this."""
        self.cache = DecisionCache(section.cache)
        self._budget = section.budget_ms / 1000
        self._pool = (
            ReplicaPool(list(map(str, section.urls)), section.protocol, self._budget, resolve) if section.urls else None
        )
        self._local = local
        self.check_labels = check_labels
        self.ready = asyncio.Event()
        """Set once a classifier has answered that the routes fit."""
        self._steps: list[tuple[ClassificationSource, ClassifyStep]] = []
        if self._pool:
            self._steps.append(("server", self._by_server))
        if local:
            self._steps.append(("local", self._by_local))
        self._labels: dict[ClassificationSource, Labels] = {}
        self._problems: dict[ClassificationSource, str] = {}
        self._in_flight: dict[bytes, asyncio.Task[Classification]] = {}
        self._background: list[asyncio.Task[None]] = []

    @property
    def labels(self) -> Labels | None:
        return next((self._labels[level] for level, _ in self._steps if level in self._labels), None)

    @property
    def replicas(self) -> Sequence[Replica]:
        """The router-servers' addresses, with their state."""
        return self._pool.replicas if self._pool else ()

    def start(self) -> None:
        """Begins to look for the classifiers; to be called in the loop that will ask."""
        self._background.append(asyncio.create_task(self._discover()))
        if self._pool:
            self._background.append(asyncio.create_task(self._pool.watch()))

    async def close(self) -> None:
        """Lets what is asked already have its answer."""
        if self._in_flight:
            await asyncio.wait(self._in_flight.values(), timeout=self._budget)
        for task in self._background:
            task.cancel()
        await asyncio.gather(*self._background, return_exceptions=True)

    async def classify(self, text: str) -> Classification:
        key = self.cache.key(text)
        if decisions := self.cache.fresh(key):
            return Classification("cached", decisions)
        return await self._shared(key, text)

    async def probe(self) -> str | None:
        """None when a real classification succeeds, else what is wrong."""
        if not self._labels:
            return "; ".join(self._problems.values()) or "the classifier has not answered yet"
        classification = await self._shared(self.cache.key(PROBE_TEXT), PROBE_TEXT)
        return None if classification.level in ("server", "local") else classification.reason

    async def _shared(self, key: bytes, text: str) -> Classification:
        """Who asks for the same text at the same time shares the answer; one who leaves takes it from nobody."""
        classifying = self._in_flight.get(key)
        if classifying is None:
            classifying = self._in_flight[key] = asyncio.create_task(self._classify_with_fallback(key, text))
            classifying.add_done_callback(partial(self._on_done, key))
        return await asyncio.shield(classifying)

    def _on_done(self, key: bytes, classifying: "asyncio.Task[Classification]") -> None:
        del self._in_flight[key]
        if not classifying.cancelled():
            classifying.exception()  # all who asked may have left

    async def _classify_with_fallback(self, key: bytes, text: str) -> Classification:
        deadline = asyncio.get_running_loop().time() + self._budget
        reason = None
        for level, step in self._steps:
            labels = self._labels.get(level)
            if labels is None:
                reason = reason or UNAVAILABLE
                continue
            try:
                decisions = await step(key, text, labels, deadline)
            except RequestError:
                raise
            except Exception as error:
                reason = reason or _reason(error)
                continue
            self._remember(key, level, labels, decisions)
            return Classification(level, decisions, reason)
        decisions_kept = self.cache.last_resort(key)
        return Classification("none" if decisions_kept is None else "cached", decisions_kept, reason or UNAVAILABLE)

    async def _by_server(self, key: bytes, text: str, labels: Labels, deadline: float) -> Decisions:
        assert self._pool
        async with asyncio.timeout_at(deadline - self._local_share()):
            return await self._pool.classify(text, labels)

    async def _by_local(self, key: bytes, text: str, labels: Labels, deadline: float) -> Decisions:
        assert self._local
        run = self._local.submit(text, labels)
        answer = asyncio.wrap_future(run)
        try:
            async with asyncio.timeout_at(deadline):
                return await asyncio.shield(answer)
        except TimeoutError:
            if not run.cancel():  # it has begun: too late for this request, not for the next of its kind
                answer.add_done_callback(partial(self._late, key, labels))
            raise

    def _local_share(self) -> float:
        """Seconds of the budget that a router-server is not given."""
        if self._local is None:
            return 0
        least, most = (share * self._budget for share in LOCAL_SHARE)
        return min(max(self._local.seconds, least), most)

    def _late(self, key: bytes, labels: Labels, answer: "asyncio.Future[Decisions]") -> None:
        if not answer.cancelled() and answer.exception() is None:
            self._remember(key, "local", labels, answer.result())

    def _remember(self, key: bytes, level: ClassificationSource, labels: Labels, decisions: Decisions) -> None:
        """What a lower step says does not keep the best from being asked again."""
        if self._labels.get(level) is labels:
            self.cache.put(key, decisions, fresh=level == self._steps[0][0])

    async def _discover(self) -> None:
        """Again and again: a server may come or change, and other routes may fit."""
        changed = self._pool.changed if self._pool else asyncio.Event()
        while True:
            if self._pool:
                await self._refresh("server", self._pool)
            if self._local:
                await self._refresh("local", self._local)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(RETRY_SECONDS):
                    await changed.wait()
            changed.clear()

    async def _refresh(self, level: ClassificationSource, classifier: Classifier) -> None:
        """Takes its labels, if they are new and the routes fit them."""
        try:
            labels = await classifier.labels()
            if labels == self._labels.get(level):
                return
            if self._labels.pop(level, None):  # another network: what the old one said is void
                self.cache.clear()
            self.check_labels(labels)
        except RouterError as error:
            self._report(level, error)
            return
        self._labels[level] = labels
        self.ready.set()
        log.info("classifier met", by=level, labels={policy: len(names) for policy, names in labels.items()})

    def _report(self, level: ClassificationSource, error: RouterError) -> None:
        """Once for each new problem, not once a second. Who does not answer is in the log already."""
        if self._problems.get(level) != str(error) and not isinstance(error, UnavailableError):
            log.warning("classifier not usable", by=level, problem=str(error))
        self._problems[level] = str(error)


def _reason(error: Exception) -> str:
    if isinstance(error, TimeoutError):
        return "classifier slow"
    return UNAVAILABLE if isinstance(error, UnavailableError) else "classifier wrong"
