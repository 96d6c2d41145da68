"""What a `routes.yaml` becomes: all that a request passes on its way and that another file would make different."""

import asyncio
import contextlib
from dataclasses import dataclass, field
from typing import Self

import aiohttp

from edge_router.controller.classifier import InProcessClassifier
from edge_router.controller.classifier.chain import ClassifierChain
from edge_router.controller.config import ClassifierConfig, RouterConfig
from edge_router.controller.routing.router import Router
from edge_router.controller.settings import COMPOSE_CLASSIFIER, Settings
from edge_router.controller.upstream.pool import UpstreamPool

MEETING_SECONDS = 5
"""A new classifier has that long to answer before it is relied on anyway."""


@dataclass
class Runtime:
    routes: RouterConfig
    settings: Settings
    local: InProcessClassifier | None
    classifier: ClassifierConfig
    chain: ClassifierChain
    router: Router
    upstreams: UpstreamPool
    _watching: "asyncio.Task[None] | None" = field(default=None, init=False)

    @classmethod
    def of(
        cls, routes: RouterConfig, settings: Settings, local: InProcessClassifier | None, session: aiohttp.ClientSession
    ) -> Self:
        """Raises ConfigError when an upstream's key cannot be read."""
        classifier = _classifier(routes, settings, local)
        chain = ClassifierChain(classifier, local, routes.check_labels)
        upstreams = UpstreamPool(routes, session, settings, routes.read_keys())
        return cls(routes, settings, local, classifier, chain, Router(routes, chain), upstreams)

    def succeeded_by(self, routes: RouterConfig) -> Self:
        """A classifier, conversations and upstreams that are in both as they were go on with what is known of them.

        Raises ConfigError where the routes name labels that the classifier does not have, or a key cannot be read.
        """
        if self.chain.labels is not None:
            routes.check_labels(self.chain.labels)
        upstreams = self.upstreams.succeeded_by(routes)
        classifier = _classifier(routes, self.settings, self.local)
        same = classifier == self.classifier
        chain = self.chain if same else ClassifierChain(classifier, self.local, routes.check_labels)
        router = self.router.reconfigured(routes, chain)
        return type(self)(routes, self.settings, self.local, classifier, chain, router, upstreams)

    def start(self) -> None:
        self.chain.start()
        self._watching = asyncio.create_task(self.upstreams.watch())

    async def take_over(self, old: Self) -> None:
        """Returns when this can do what `old` does."""
        self._watching = asyncio.create_task(self.upstreams.watch())
        if self.chain is old.chain:
            self.chain.check_labels = self.routes.check_labels
        else:
            self.chain.start()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self.chain.ready.wait(), MEETING_SECONDS)

    async def close(self, successor: Self | None = None) -> None:
        """Requests under way keep their answers. What `successor` has taken over goes on."""
        if self._watching:
            self._watching.cancel()
        if successor is None or successor.chain is not self.chain:
            await self.chain.close()


def _classifier(routes: RouterConfig, settings: Settings, local: InProcessClassifier | None) -> ClassifierConfig:
    """The file's, where the environment does not say otherwise. With no network in this process somebody else must
    classify: the compose stack's router-server where none is named."""
    asked = settings.classifier_url or routes.classifier.urls or ([] if local else [COMPOSE_CLASSIFIER])
    budget = settings.classifier_budget_ms or routes.classifier.budget_ms
    return routes.classifier.model_copy(update={"urls": asked, "budget_ms": budget})
