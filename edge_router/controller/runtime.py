"""The controller at run time: the objects built from a configuration, and their replacement by a reload."""

import asyncio
import contextlib
import signal
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

import aiohttp

from edge_router.asgi.body import BodyBudget
from edge_router.controller.auth import AccessKeys, Authenticator
from edge_router.controller.classifier import ClassifierChain, InProcessClassifier
from edge_router.controller.config import ClassifierConfig, RouterConfig, log_deprecations, watch_config
from edge_router.controller.routing import Router
from edge_router.controller.settings import COMPOSE_CLASSIFIER, Settings
from edge_router.controller.telemetry import Telemetry
from edge_router.controller.upstream import UpstreamConnector, UpstreamPool

READY_SECONDS = 5
"""Time for a new classifier to answer before a reload goes on without it."""


@dataclass
class Runtime:
    """The objects that depend on the configuration. A reload replaces them together."""

    config: RouterConfig
    settings: Settings
    local: InProcessClassifier | None
    classifier_config: ClassifierConfig
    classifier: ClassifierChain
    router: Router
    upstreams: UpstreamPool
    _health: "asyncio.Task[None] | None" = field(default=None, init=False)

    @classmethod
    def of(
        cls, config: RouterConfig, settings: Settings, local: InProcessClassifier | None, session: aiohttp.ClientSession
    ) -> Self:
        """Raises ConfigError when an upstream's key cannot be read."""
        classifier_config = _classifier_config(config, settings, local)
        classifier = ClassifierChain(classifier_config, local, config.check_labels)
        upstreams = UpstreamPool(config, session, settings, config.read_keys())
        return cls(config, settings, local, classifier_config, classifier, Router(config, classifier), upstreams)

    def reconfigured(self, config: RouterConfig) -> Self:
        """The runtime of another configuration. A classifier, conversations and upstreams with unchanged settings keep
        their state.

        Raises ConfigError when the configuration names labels that the classifier does not have, or a key cannot be
        read.
        """
        if self.classifier.labels is not None:
            config.check_labels(self.classifier.labels)
        upstreams = self.upstreams.reconfigured(config)
        classifier_config = _classifier_config(config, self.settings, self.local)
        same = classifier_config == self.classifier_config
        classifier = self.classifier if same else ClassifierChain(classifier_config, self.local, config.check_labels)
        router = self.router.reconfigured(config, classifier)
        return type(self)(config, self.settings, self.local, classifier_config, classifier, router, upstreams)

    def start(self) -> None:
        self.classifier.start()
        self._health = asyncio.create_task(self.upstreams.watch())

    async def start_instead_of(self, old: Self) -> None:
        """Starts before `old` is closed. Returns once the classifier is ready, or after READY_SECONDS."""
        self._health = asyncio.create_task(self.upstreams.watch())
        if self.classifier is old.classifier:
            self.classifier.check_labels = self.config.check_labels
        else:
            self.classifier.start()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self.classifier.ready.wait(), READY_SECONDS)

    async def close(self, successor: Self | None = None) -> None:
        """Ends the background tasks, except those that `successor` still uses. Requests in progress go on."""
        if self._health:
            self._health.cancel()
        if successor is None or successor.classifier is not self.classifier:
            await self.classifier.close()


class Controller:
    """Everything that requests share. A reload replaces `runtime`; a request in progress keeps the old one."""

    runtime: Runtime

    def __init__(
        self,
        config: RouterConfig,
        settings: Settings,
        *,
        file: Path | None = None,
        local: InProcessClassifier | None = None,
        keys: AccessKeys | None = None,
    ) -> None:
        """`file`: the source of `config`, read again when it changes. `local`: the network in this process.

        Raises ConfigError when an upstream's key cannot be read, or traces are enabled and their extra is missing.
        """
        self.settings = settings
        self.keys = keys
        self.authenticator = Authenticator(keys)
        self.body_budget = BodyBudget(settings.held_bytes)
        self.telemetry = Telemetry(lambda: self.runtime.upstreams.states(), lambda: self.runtime.classifier)
        config.read_keys()  # an unreadable key must stop the start, not the first request
        self._config = config
        self._file = file
        self._local = local

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """The lifespan of the application."""
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=self.settings.connect_seconds)
        async with aiohttp.ClientSession(
            connector=UpstreamConnector(), timeout=timeout, cookie_jar=aiohttp.DummyCookieJar()
        ) as session:
            self.runtime = Runtime.of(self._config, self.settings, self._local, session)
            self.runtime.start()
            log_deprecations(self._config)
            watching = self._watch()
            try:
                yield
            finally:
                if watching:
                    watching.cancel()
                await self.runtime.close()
                await self.telemetry.close()

    async def reload(self, config: RouterConfig) -> None:
        """Raises ConfigError and changes nothing when the configuration does not fit the classifier or a key cannot be
        read."""
        old, new = self.runtime, self.runtime.reconfigured(config)
        await new.start_instead_of(old)
        self.runtime = new
        await old.close(new)

    def _watch(self) -> "asyncio.Task[None] | None":
        if self._file is None:
            return None
        hup = asyncio.Event()
        asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, hup.set)
        return asyncio.create_task(watch_config(self._file, self.reload, hup))


def _classifier_config(config: RouterConfig, settings: Settings, local: InProcessClassifier | None) -> ClassifierConfig:
    """The file's settings, overridden by the environment.

    The URL is that of the compose stack's router-server if none is given and no network runs in this process.
    """
    urls = settings.classifier_url or config.classifier.urls or ([] if local else [COMPOSE_CLASSIFIER])
    budget = settings.classifier_budget_ms or config.classifier.budget_ms
    return config.classifier.model_copy(update={"urls": urls, "budget_ms": budget})
