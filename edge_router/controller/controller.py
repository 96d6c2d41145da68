"""What all endpoints share, and what becomes of it when `routes.yaml` changes."""

import asyncio
import contextlib
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp

from edge_router.asgi.body import BodyBudget
from edge_router.controller.access.access import Access
from edge_router.controller.access.keys import Keys
from edge_router.controller.assembly import Assembly
from edge_router.controller.classification.classifier import Local
from edge_router.controller.routes.routes import Routes
from edge_router.controller.routes.watch import watch
from edge_router.controller.settings import Settings
from edge_router.controller.signals.report import Signals
from edge_router.controller.upstreams.connector import Connector


class Controller:
    """`assembly` is replaced as a whole: a request keeps the one it began with."""

    assembly: Assembly

    def __init__(
        self,
        routes: Routes,
        settings: Settings,
        *,
        file: Path | None = None,
        local: Local | None = None,
        keys: Keys | None = None,
    ) -> None:
        """`file`: where `routes` were read, to be read again when it changes. `local`: the network in this process.

        Raises ConfigError when an upstream's key cannot be read, or traces are wanted and their extra is missing.
        """
        self.settings = settings
        self.keys = keys
        self.access = Access(keys)
        self.room = BodyBudget(settings.held_bytes)
        self.signals = Signals(lambda: self.assembly.upstreams.states(), lambda: self.assembly.ladder)
        routes.read_keys()  # a key that cannot be read is refused before anybody is served
        self._routes = routes
        self._file = file
        self._local = local

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=self.settings.connect_seconds)
        async with aiohttp.ClientSession(
            connector=Connector(), timeout=timeout, cookie_jar=aiohttp.DummyCookieJar()
        ) as session:
            self.assembly = Assembly.of(self._routes, self.settings, self._local, session)
            self.assembly.start()
            watching = self._watch()
            try:
                yield
            finally:
                if watching:
                    watching.cancel()
                await self.assembly.close()
                await self.signals.close()

    async def take(self, routes: Routes) -> None:
        """Goes on with other routes. Raises ConfigError where they do not fit the classifier or a key cannot be read;
        then everything stays as it is."""
        old, new = self.assembly, self.assembly.succeeded_by(routes)
        await new.take_over(old)
        self.assembly = new
        await old.close(new)

    def _watch(self) -> "asyncio.Task[None] | None":
        if self._file is None:
            return None
        hup = asyncio.Event()
        asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, hup.set)
        return asyncio.create_task(watch(self._file, self.take, hup))
