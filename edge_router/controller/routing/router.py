"""From a chat request to a choice: asks the classifier within its budget, never lets a request down for it."""

import asyncio
import time
from dataclasses import replace

import structlog

from edge_router.controller.classification.classifier import Classifier, Labels
from edge_router.controller.classification.decision import Decisions
from edge_router.controller.routes.routes import Routes
from edge_router.controller.routing.policy import Choice, decided, pinned, policy_asked, undecided
from edge_router.controller.surfaces.chat import Chat
from edge_router.errors import RequestError, RouterError, UnavailableError

RETRY_SECONDS = 1.0

log = structlog.get_logger()


class Router:
    def __init__(self, routes: Routes, classifier: Classifier, budget_seconds: float) -> None:
        self.routes = routes
        self._classifier = classifier
        self._budget = budget_seconds
        self._labels: Labels | None = None
        self._problem = "the classifier has not answered yet"

    async def meet(self) -> None:
        """Waits for the classifier's first answer and checks the routes against its labels; run once, in the
        background."""
        while self._labels is None:
            try:
                labels = await self._classifier.labels()
                self.routes.check_labels(labels)
                self._labels = labels
                log.info("classifier met", labels={policy: len(names) for policy, names in labels.items()})
            except RouterError as error:
                self._report(str(error))
                await asyncio.sleep(RETRY_SECONDS)

    async def choose(self, chat: Chat) -> Choice:
        """Raises NotFoundError for a policy or model that is not there, RequestError for a text nobody can classify."""
        policy = policy_asked(chat.ask, self.routes)
        if policy is None:
            return pinned(chat.ask, self.routes)
        started = time.perf_counter()
        choice = await self._decide(policy, chat.text)
        return replace(choice, classified_in=time.perf_counter() - started)

    async def probe(self) -> str | None:
        """None when a real classification succeeds, else what is wrong."""
        if self._labels is None:
            return self._problem
        try:
            await self._classify("ready?", self._labels)
        except (RouterError, TimeoutError) as error:
            return _reason(error)
        return None

    async def _decide(self, policy: str, text: str) -> Choice:
        if self._labels is None:
            return undecided(policy, "classifier unavailable", self.routes)
        try:
            decisions = await self._classify(text, self._labels)
            return decided(policy, decisions[policy], self.routes)
        except RequestError:
            raise
        except (RouterError, TimeoutError) as error:
            return undecided(policy, _reason(error), self.routes)

    async def _classify(self, text: str, labels: Labels) -> Decisions:
        async with asyncio.timeout(self._budget):
            return await self._classifier.classify(text, labels)

    def _report(self, problem: str) -> None:
        """Once for each new problem, not once a second."""
        if problem != self._problem:
            log.warning("classifier not usable", problem=problem)
        self._problem = problem


def _reason(error: Exception) -> str:
    if isinstance(error, TimeoutError):
        return "classifier slow"
    return "classifier unavailable" if isinstance(error, UnavailableError) else "classifier wrong"
