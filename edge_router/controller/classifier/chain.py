"""The chain of classifiers: router-servers, then the network in this process, then cached decisions."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import TypeAlias

import structlog

from edge_router.controller.classifier.cache import DecisionCache
from edge_router.controller.classifier.classification import (
    Classification,
    Classifier,
    ClassifierFault,
    DecisionSource,
    InProcessClassifier,
    Labels,
)
from edge_router.controller.classifier.decision import Decisions
from edge_router.controller.classifier.replica import PROBE_TEXT, Replica
from edge_router.controller.classifier.replica_pool import ReplicaPool, Resolve, resolve_addresses
from edge_router.controller.config import ClassifierConfig
from edge_router.errors import RequestError, RouterError, UnavailableError

REFRESH_SECONDS = 1.0
LOCAL_SHARE = (0.25, 0.5)
"""Smallest and largest share of the time budget that is reserved for the network in this process."""

CheckLabels: TypeAlias = Callable[[Labels], None]
"""Called with the labels of each classifier found. Raises ConfigError when the configuration does not fit them; that
classifier is then not used."""
ClassifyStep: TypeAlias = Callable[[bytes, str, Labels, float], Awaitable[Decisions]]
"""(cache key, text, labels, deadline in the event loop's time)."""

log = structlog.get_logger()


class ClassifierChain:
    """Satisfies `PromptClassifier`."""

    def __init__(
        self,
        config: ClassifierConfig,
        local: InProcessClassifier | None,
        check_labels: CheckLabels,
        resolve: Resolve = resolve_addresses,
    ) -> None:
        """`local` belongs to the caller, and may outlive this chain."""
        self.cache = DecisionCache(config.cache)
        self.check_labels = check_labels
        self.ready = asyncio.Event()
        """Set once a classifier has answered whose labels fit the configuration."""
        self._budget = config.budget_ms / 1000
        urls = list(map(str, config.urls))
        self._pool = ReplicaPool(urls, config.protocol, self._budget, resolve) if urls else None
        self._local = local
        self._steps: list[tuple[DecisionSource, ClassifyStep]] = []
        if self._pool:
            self._steps.append((DecisionSource.SERVER, self._by_server))
        if local:
            self._steps.append((DecisionSource.LOCAL, self._by_local))
        self._labels: dict[DecisionSource, Labels] = {}
        self._problems: dict[DecisionSource, str] = {}
        self._in_flight: dict[bytes, asyncio.Task[Classification]] = {}
        self._background: list[asyncio.Task[None]] = []

    @property
    def labels(self) -> Labels | None:
        return next((self._labels[source] for source, _ in self._steps if source in self._labels), None)

    @property
    def replicas(self) -> Sequence[Replica]:
        """One entry for each address of each router-server."""
        return self._pool.replicas if self._pool else ()

    def start(self) -> None:
        """Starts the search for classifiers. Must be called in the event loop that classifies."""
        self._background.append(asyncio.create_task(self._discover()))
        if self._pool:
            self._background.append(asyncio.create_task(self._pool.watch()))

    async def close(self) -> None:
        """Waits for the classifications in flight, within the budget, and ends."""
        if self._in_flight:
            await asyncio.wait(self._in_flight.values(), timeout=self._budget)
        for task in self._background:
            task.cancel()
        await asyncio.gather(*self._background, return_exceptions=True)

    async def classify(self, text: str) -> Classification:
        key = self.cache.key(text)
        if decisions := self.cache.fresh(key):
            return Classification(DecisionSource.CACHED, decisions)
        return await self._classify_once(key, text)

    async def probe(self) -> str | None:
        """Runs a real classification; returns None when it succeeds, else the problem."""
        if not self._labels:
            return "; ".join(self._problems.values()) or "the classifier has not answered yet"
        classification = await self._classify_once(self.cache.key(PROBE_TEXT), PROBE_TEXT)
        live = (DecisionSource.SERVER, DecisionSource.LOCAL)
        return None if classification.source in live else classification.reason

    async def _classify_once(self, key: bytes, text: str) -> Classification:
        """Concurrent requests with the same text share one run, which continues if one of the requests is cancelled."""
        run = self._in_flight.get(key)
        if run is None:
            run = self._in_flight[key] = asyncio.create_task(self._classify_with_fallback(key, text))
            run.add_done_callback(partial(self._on_done, key))
        return await asyncio.shield(run)

    def _on_done(self, key: bytes, run: "asyncio.Task[Classification]") -> None:
        del self._in_flight[key]
        if not run.cancelled():
            run.exception()  # marks it as retrieved: every waiting request may have been cancelled

    async def _classify_with_fallback(self, key: bytes, text: str) -> Classification:
        deadline = asyncio.get_running_loop().time() + self._budget
        reason = None
        for source, step in self._steps:
            labels = self._labels.get(source)
            if labels is None:
                reason = reason or ClassifierFault.UNAVAILABLE
                continue
            try:
                decisions = await step(key, text, labels, deadline)
            except RequestError:
                raise
            except Exception as error:
                reason = reason or _fault(error)
                continue
            self._remember(key, source, labels, decisions)
            return Classification(source, decisions, reason)
        earlier = self.cache.last_resort(key)
        source = DecisionSource.NONE if earlier is None else DecisionSource.CACHED
        return Classification(source, earlier, reason or ClassifierFault.UNAVAILABLE)

    async def _by_server(self, key: bytes, text: str, labels: Labels, deadline: float) -> Decisions:
        assert self._pool
        async with asyncio.timeout_at(deadline - self._local_seconds()):
            return await self._pool.classify(text, labels)

    async def _by_local(self, key: bytes, text: str, labels: Labels, deadline: float) -> Decisions:
        assert self._local
        run = self._local.submit(text, labels)
        result = asyncio.wrap_future(run)
        try:
            async with asyncio.timeout_at(deadline):
                return await asyncio.shield(result)
        except TimeoutError:
            if not run.cancel():  # it has begun: too late for this request, but the next one can use its result
                result.add_done_callback(partial(self._remember_late, key, labels))
            raise

    def _local_seconds(self) -> float:
        """The part of the budget that is reserved for the network in this process."""
        if self._local is None:
            return 0
        least, most = (share * self._budget for share in LOCAL_SHARE)
        return min(max(self._local.seconds, least), most)

    def _remember_late(self, key: bytes, labels: Labels, result: "asyncio.Future[Decisions]") -> None:
        if not result.cancelled() and result.exception() is None:
            self._remember(key, DecisionSource.LOCAL, labels, result.result())

    def _remember(self, key: bytes, source: DecisionSource, labels: Labels, decisions: Decisions) -> None:
        """Caches decisions. Those of a fallback are not fresh: the next request asks the preferred source again."""
        if self._labels.get(source) is labels:
            self.cache.put(key, decisions, fresh=source == self._steps[0][0])

    async def _discover(self) -> None:
        """Refreshes the labels until cancelled: a server or the configuration may change at any time."""
        changed = self._pool.changed if self._pool else asyncio.Event()
        while True:
            if self._pool:
                await self._refresh(DecisionSource.SERVER, self._pool)
            if self._local:
                await self._refresh(DecisionSource.LOCAL, self._local)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(REFRESH_SECONDS):
                    await changed.wait()
            changed.clear()

    async def _refresh(self, source: DecisionSource, classifier: Classifier) -> None:
        """Adopts the classifier's labels when they are new and fit the configuration."""
        try:
            labels = await classifier.labels()
            if labels == self._labels.get(source):
                return
            if self._labels.pop(source, None):  # another network: cached decisions no longer hold
                self.cache.clear()
            self.check_labels(labels)
        except RouterError as error:
            self._report(source, error)
            return
        self._labels[source] = labels
        self.ready.set()
        log.info("classifier ready", source=source, labels={policy: len(names) for policy, names in labels.items()})

    def _report(self, source: DecisionSource, error: RouterError) -> None:
        """Logs each new problem once. A replica that does not answer is in the log already."""
        if self._problems.get(source) != str(error) and not isinstance(error, UnavailableError):
            log.warning("classifier not usable", source=source, problem=str(error))
        self._problems[source] = str(error)


def _fault(error: Exception) -> ClassifierFault:
    if isinstance(error, TimeoutError):
        return ClassifierFault.SLOW
    return ClassifierFault.UNAVAILABLE if isinstance(error, UnavailableError) else ClassifierFault.WRONG
