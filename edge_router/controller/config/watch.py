"""Takes a changed `routes.yaml` while the controller runs."""

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
"""Notices of the kernel's do not come through every mount a container has."""

Changed: TypeAlias = Callable[[RouterConfig], Awaitable[None] | None]
"""Raises ConfigError where the new routes cannot be used."""

log = structlog.get_logger()


class FileIdentity(NamedTuple):
    """A file's. Where it is the same, so is the file; `stamp` alone tells of most files that they are."""

    stamp: tuple[int, int, int] | None
    content: bytes


async def watch(file: Path, changed: Changed, hup: asyncio.Event, poll_seconds: float = POLL_SECONDS) -> None:
    """Calls `changed` with the routes in `file` when it is another than before, and whenever `hup` is set. A file that
    is wrong changes nothing, and the log says why. Runs until it is cancelled."""
    known = _identity(file)
    while True:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(poll_seconds):
                await hup.wait()
        asked = hup.is_set()
        hup.clear()
        found = _identity(file, known)
        if asked or found.content != known.content:
            await _take(file, changed)
        known = found


async def _take(file: Path, changed: Changed) -> None:
    try:
        taken = changed(await asyncio.to_thread(RouterConfig.read, file))
        if taken is not None:
            await taken
    except ConfigError as error:
        log.error("routes not changed", file=str(file), problem=str(error))
    else:
        log.info("routes changed", file=str(file))


def _identity(file: Path, known: FileIdentity | None = None) -> FileIdentity:
    try:
        stat = file.stat()
        stamp = (stat.st_mtime_ns, stat.st_ino, stat.st_size)
        if known and stamp == known.stamp:
            return known
        return FileIdentity(stamp, hashlib.blake2b(file.read_bytes()).digest())
    except OSError:
        return FileIdentity(None, b"")
