"""What all endpoints share, and what becomes of it when `routes.yaml` changes."""

import asyncio
import contextlib
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp

from edge_router.asgi.body import BodyBudget
from edge_router.controller.auth.authenticator import Authenticator
from edge_router.controller.auth.keys import AccessKeys
from edge_router.controller.classifier import InProcessClassifier
from edge_router.controller.config import RouterConfig
from edge_router.controller.config.watch import watch
from edge_router.controller.runtime import Runtime
from edge_router.controller.settings import Settings
from edge_router.controller.telemetry.telemetry import Telemetry
from edge_router.controller.upstream.connector import UpstreamConnector


class Controller:
    """`assembly` is replaced as a whole: a request keeps the one it began with."""

    runtime: Runtime

    def __init__(
        self,
        routes: RouterConfig,
        settings: Settings,
        *,
        file: Path | None = None,
        local: InProcessClassifier | None = None,
        keys: AccessKeys | None = None,
    ) -> None:
        """`file`: where `routes` were read, to be read again when it changes. `local`: the network in this process.

        Raises ConfigError when an upstream's key cannot be read, or traces are wanted and their extra is missing.
        """
        self.settings = settings
        self.keys = keys
        self.access = Authenticator(keys)
        self.room = BodyBudget(settings.held_bytes)
        self.telemetry = Telemetry(lambda: self.runtime.upstreams.states(), lambda: self.runtime.chain)
        routes.read_keys()  # a key that cannot be read is refused before anybody is served
        self._routes = routes
        self._file = file
        self._local = local

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=self.settings.connect_seconds)
        async with aiohttp.ClientSession(
            connector=UpstreamConnector(), timeout=timeout, cookie_jar=aiohttp.DummyCookieJar()
        ) as session:
            self.runtime = Runtime.of(self._routes, self.settings, self._local, session)
            self.runtime.start()
            watching = self._watch()
            try:
                yield
            finally:
                if watching:
                    watching.cancel()
                await self.runtime.close()
                await self.telemetry.close()

    async def take(self, routes: RouterConfig) -> None:
        """Goes on with other routes. Raises ConfigError where they do not fit the classifier or a key cannot be read;
        then everything stays as it is."""
        old, new = self.runtime, self.runtime.succeeded_by(routes)
        await new.take_over(old)
        self.runtime = new
        await old.close(new)

    def _watch(self) -> "asyncio.Task[None] | None":
        if self._file is None:
            return None
        hup = asyncio.Event()
        asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, hup.set)
        return asyncio.create_task(watch(self._file, self.take, hup))
