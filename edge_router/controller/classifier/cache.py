"""A cache of decisions, keyed by a hash of the classified text. It does not hold the text."""

import secrets
import time
from hashlib import blake2b
from typing import NamedTuple

from cachetools import LRUCache

from edge_router.controller.classifier.decision import Decisions
from edge_router.controller.config import CacheConfig

LAST_RESORT_SECONDS = 3600.0
"""While no classifier answers, decisions up to this age are used."""


class CachedDecisions(NamedTuple):
    """Both times are readings of the monotonic clock, in seconds."""

    decisions: Decisions
    fresh_until: float
    usable_until: float


class DecisionCache:
    """The least recently used entry is dropped when the cache is full."""

    def __init__(self, config: CacheConfig) -> None:
        self._seconds = config.seconds
        self._entries: LRUCache[bytes, CachedDecisions] = LRUCache(config.size)
        self._secret = secrets.token_bytes(32)
        self.hits = 0
        self.misses = 0

    def __len__(self) -> int:
        return len(self._entries)

    def key(self, text: str) -> bytes:
        """A hash that reveals nothing about the text without this process's secret."""
        return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16, key=self._secret).digest()

    def put(self, key: bytes, decisions: Decisions, *, fresh: bool) -> None:
        """Stores decisions. Only `fresh` ones are used instead of a new classification; others are a last resort."""
        now = time.monotonic()
        if self._entries.maxsize:
            self._entries[key] = CachedDecisions(
                decisions, now + self._seconds * fresh, now + max(LAST_RESORT_SECONDS, self._seconds)
            )

    def fresh(self, key: bytes) -> Decisions | None:
        entry = self._entries.get(key)
        if entry is None or entry.fresh_until <= time.monotonic():
            self.misses += 1
            return None
        self.hits += 1
        return entry.decisions

    def last_resort(self, key: bytes) -> Decisions | None:
        entry = self._entries.get(key)
        return None if entry is None or entry.usable_until <= time.monotonic() else entry.decisions

    def clear(self) -> None:
        self._entries.clear()
