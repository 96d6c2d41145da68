"""The access keys in use, reloaded when their file changes."""

import hmac
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import structlog
from limits import RateLimitItem, RateLimitItemPerMinute

from edge_router.controller.auth.key_file import AccessKeyConfig, KeyFile, digest
from edge_router.controller.caller import Caller
from edge_router.controller.config import WatchedFile
from edge_router.errors import ConfigError

CHECK_SECONDS = 1.0
"""Time between two checks of the file: a revoked key works at most that much longer."""

log = structlog.get_logger()


@dataclass(frozen=True)
class AccessKey:
    """One access key. `requests` and `tokens`: limits a minute; None means no limit."""

    caller: Caller
    digest: bytes
    requests: RateLimitItem | None
    tokens: RateLimitItem | None

    @classmethod
    def of(cls, key: AccessKeyConfig) -> Self:
        models = None if key.models is None else frozenset(key.models)
        requests, tokens = map(_per_minute, (key.requests_per_minute, key.tokens_per_minute))
        return cls(Caller(key.name, models, key.local_only), bytes.fromhex(key.sha256), requests, tokens)


class AccessKeys:
    """The keys of one file."""

    def __init__(self, file: Path) -> None:
        """Raises ConfigError."""
        self._file = file
        self._watched = WatchedFile(file)
        self._checked = time.monotonic()
        self._use(KeyFile.read(file))

    def find(self, secret: bytes) -> AccessKey | None:
        """The key with this secret. The search is by digest, so that its duration reveals nothing about a key."""
        if time.monotonic() - self._checked > CHECK_SECONDS:
            self._reload_if_changed()
        wanted = digest(secret)
        found = self._by_digest.get(wanted)
        return found if found is not None and hmac.compare_digest(found.digest, wanted) else None

    def find_by_name(self, name: str | None) -> AccessKey | None:
        return self._by_name.get(name)

    def _use(self, file: KeyFile) -> None:
        keys = [AccessKey.of(key) for key in file.keys]
        self._by_digest = {key.digest: key for key in keys}
        self._by_name = {key.caller.name: key for key in keys}

    def _reload_if_changed(self) -> None:
        """Keeps the present keys if the file is missing or invalid: that must neither revoke nor admit a key."""
        self._checked = time.monotonic()
        if not self._watched.has_changed():
            return
        try:
            self._use(KeyFile.read(self._file))
        except ConfigError as error:
            log.error("access keys not reloaded", file=str(self._file), problem=str(error))
        else:
            log.info("access keys reloaded", file=str(self._file), keys=len(self._by_name))


def _per_minute(amount: int | None) -> RateLimitItem | None:
    return None if amount is None else RateLimitItemPerMinute(amount)
