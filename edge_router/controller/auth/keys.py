"""Who holds a key. The file is taken anew when it changes, without a restart."""

import hmac
import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import structlog
from limits import RateLimitItem, RateLimitItemPerMinute

from edge_router.controller.auth.key_file import Key, KeyFile, digest
from edge_router.controller.caller import Caller
from edge_router.errors import ConfigError

LOOK_SECONDS = 1.0
"""Between two looks at the file: a revoked key works that much longer."""

log = structlog.get_logger()


@dataclass(frozen=True)
class KeyHolder:
    """A caller and how much it may ask for."""

    caller: Caller
    digest: bytes
    requests: RateLimitItem | None
    tokens: RateLimitItem | None

    @classmethod
    def of(cls, key: Key) -> Self:
        models = None if key.models is None else frozenset(key.models)
        requests, tokens = map(_per_minute, (key.requests_per_minute, key.tokens_per_minute))
        return cls(Caller(key.name, models, key.local_only), bytes.fromhex(key.sha256), requests, tokens)


class AccessKeys:
    def __init__(self, file: Path) -> None:
        """Raises ConfigError."""
        self._file = file
        self._seen = _version(file)
        self._looked = time.monotonic()
        self._take(KeyFile.read(file))

    def holder(self, key: bytes) -> KeyHolder | None:
        """Found by the key's digest, which tells nothing of the key by how long the search takes."""
        if time.monotonic() - self._looked > LOOK_SECONDS:
            self._look()
        presented = digest(key)
        found = self._by_digest.get(presented)
        return found if found is not None and hmac.compare_digest(found.digest, presented) else None

    def named(self, name: str | None) -> KeyHolder | None:
        return self._by_name.get(name)

    def _take(self, file: KeyFile) -> None:
        holders = [KeyHolder.of(key) for key in file.keys]
        self._by_digest = {holder.digest: holder for holder in holders}
        self._by_name = {holder.caller.name: holder for holder in holders}

    def _look(self) -> None:
        """A file that is gone or wrong changes nothing: it must neither lock everybody out nor let anybody in."""
        self._looked = time.monotonic()
        now = _version(self._file)
        if now == self._seen:
            return
        self._seen = now
        try:
            self._take(KeyFile.read(self._file))
            log.info("keys taken", keys=len(self._by_name))
        except ConfigError as error:
            log.error("keys refused, the ones before stay", reason=str(error))


def _per_minute(amount: int | None) -> RateLimitItem | None:
    return None if amount is None else RateLimitItemPerMinute(amount)


def _version(file: Path) -> tuple[int, ...] | None:
    """Of the file's content; None where there is none."""
    try:
        found = os.stat(file)
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino
