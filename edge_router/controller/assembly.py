"""What a `routes.yaml` becomes: all that a request passes on its way and that another file would make different."""

import asyncio
import contextlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Self

import aiohttp

from edge_router.controller.asked import Surface
from edge_router.controller.classification.classifier import Local
from edge_router.controller.classification.ladder import Ladder
from edge_router.controller.routes.classifier import ClassifierSection
from edge_router.controller.routes.routes import Routes
from edge_router.controller.routing.router import Router
from edge_router.controller.settings import COMPOSE_CLASSIFIER, Settings
from edge_router.controller.surfaces.table import surfaces
from edge_router.controller.upstreams.upstreams import Upstreams

MEETING_SECONDS = 5
"""A new classifier has that long to answer before it is relied on anyway."""


@dataclass
class Assembly:
    routes: Routes
    settings: Settings
    local: Local | None
    classifier: ClassifierSection
    ladder: Ladder
    router: Router
    upstreams: Upstreams
    surfaces: Mapping[str, Surface]
    _watching: "asyncio.Task[None] | None" = field(default=None, init=False)

    @classmethod
    def of(cls, routes: Routes, settings: Settings, local: Local | None, session: aiohttp.ClientSession) -> Self:
        """Raises ConfigError when an upstream's key cannot be read."""
        classifier = _classifier(routes, settings, local)
        ladder = Ladder(classifier, local, routes.check_labels)
        upstreams = Upstreams(routes, session, settings, routes.read_keys())
        spoken = surfaces(routes.text, routes.names)
        return cls(routes, settings, local, classifier, ladder, Router(routes, ladder), upstreams, spoken)

    def succeeded_by(self, routes: Routes) -> Self:
        """A classifier, conversations and upstreams that are in both as they were go on with what is known of them.

        Raises ConfigError where the routes name labels that the classifier does not have, or a key cannot be read.
        """
        if self.ladder.labels is not None:
            routes.check_labels(self.ladder.labels)
        upstreams = self.upstreams.succeeded_by(routes)
        classifier = _classifier(routes, self.settings, self.local)
        same = classifier == self.classifier
        ladder = self.ladder if same else Ladder(classifier, self.local, routes.check_labels)
        router = self.router.succeeded_by(routes, ladder)
        spoken = surfaces(routes.text, routes.names)
        return type(self)(routes, self.settings, self.local, classifier, ladder, router, upstreams, spoken)

    def start(self) -> None:
        self.ladder.start()
        self._watching = asyncio.create_task(self.upstreams.watch())

    async def take_over(self, old: Self) -> None:
        """Returns when this can do what `old` does."""
        self._watching = asyncio.create_task(self.upstreams.watch())
        if self.ladder is old.ladder:
            self.ladder.met = self.routes.check_labels
        else:
            self.ladder.start()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self.ladder.known.wait(), MEETING_SECONDS)

    async def close(self, successor: Self | None = None) -> None:
        """Requests under way keep their answers. What `successor` has taken over goes on."""
        if self._watching:
            self._watching.cancel()
        if successor is None or successor.ladder is not self.ladder:
            await self.ladder.close()


def _classifier(routes: Routes, settings: Settings, local: Local | None) -> ClassifierSection:
    """The file's, where the environment does not say otherwise. With no network in this process somebody else must
    classify: the compose stack's router-server where none is named."""
    asked = settings.classifier_url or routes.classifier.urls or ([] if local else [COMPOSE_CLASSIFIER])
    budget = settings.classifier_budget_ms or routes.classifier.budget_ms
    return routes.classifier.model_copy(update={"urls": asked, "budget_ms": budget})
