"""Watches configuration files, and reloads a changed `routes.yaml` while the controller runs."""

import asyncio
import contextlib
import hashlib
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import NamedTuple, TypeAlias

import structlog

from edge_router.controller.config.router_config import RouterConfig
from edge_router.errors import ConfigError

POLL_SECONDS = 2.0
"""Polling interval. Not every mount of a container passes on the kernel's file events."""

Reload: TypeAlias = Callable[[RouterConfig], Awaitable[None]]
"""Applies a new configuration. Raises ConfigError if it cannot be used."""

log = structlog.get_logger()


class FileIdentity(NamedTuple):
    """Identity of a file's content; equal means unchanged. `stat`: mtime in ns, inode and size, None for a file that
    cannot be read."""

    stat: tuple[int, int, int] | None
    digest: bytes


class WatchedFile:
    """A file whose content may change at any time."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._known = self._identity(None)

    def has_changed(self) -> bool:
        """True once after each change of the content, also when the file disappears."""
        previous, self._known = self._known, self._identity(self._known)
        return self._known.digest != previous.digest

    def _identity(self, known: FileIdentity | None) -> FileIdentity:
        """The content is read only when the file's stat differs from the known one."""
        try:
            found = self._file.stat()
            stat = (found.st_mtime_ns, found.st_ino, found.st_size)
            if known and stat == known.stat:
                return known
            return FileIdentity(stat, hashlib.blake2b(self._file.read_bytes()).digest())
        except OSError:
            return FileIdentity(None, b"")


async def watch_config(file: Path, reload: Reload, hup: asyncio.Event, poll_seconds: float = POLL_SECONDS) -> None:
    """Calls `reload` with the content of `file` after each change, and whenever `hup` is set, until it is cancelled. If
    the file is not usable, the configuration stays as it is and the log says why."""
    watched = WatchedFile(file)
    while True:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(poll_seconds):
                await hup.wait()
        signalled = hup.is_set()
        hup.clear()
        if watched.has_changed() or signalled:
            await _reload(file, reload)


async def _reload(file: Path, reload: Reload) -> None:
    try:
        config = await asyncio.to_thread(RouterConfig.read, file)
        await reload(config)
    except ConfigError as error:
        log.error("config not reloaded", file=str(file), problem=str(error))
    else:
        log.info("config reloaded", file=str(file))
        log_deprecations(config)


def log_deprecations(config: RouterConfig) -> None:
    """Writes one line that names every deprecated key of the file."""
    if config.deprecations:
        log.warning("deprecated keys in the config", problem="\n".join(config.deprecations))
