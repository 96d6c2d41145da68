"""Decisions taken before, by a hash of the text that was classified. The text itself is not kept."""

import secrets
import time
from hashlib import blake2b
from typing import NamedTuple

from cachetools import LRUCache

from edge_router.controller.classifier.decision import Decisions
from edge_router.controller.config import CacheConfig

LAST_RESORT_SECONDS = 3600.0
"""A decision so old is still better than none."""


class CachedDecisions(NamedTuple):
    decisions: Decisions
    fresh_until: float
    until: float


class DecisionCache:
    def __init__(self, section: CacheConfig) -> None:
        self._seconds = section.seconds
        self._cached: LRUCache[bytes, CachedDecisions] = LRUCache(section.size)
        self._secret = secrets.token_bytes(32)
        self.hits = 0
        self.misses = 0

    def __len__(self) -> int:
        return len(self._cached)

    def key(self, text: str) -> bytes:
        """Says nothing of the text to who does not know this process's secret."""
        return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16, key=self._secret).digest()

    def put(self, key: bytes, decisions: Decisions, *, fresh: bool) -> None:
        """`fresh`: to be taken instead of asking again, not only as a last resort."""
        now = time.monotonic()
        if self._cached.maxsize:
            self._cached[key] = CachedDecisions(
                decisions, now + self._seconds * fresh, now + max(LAST_RESORT_SECONDS, self._seconds)
            )

    def fresh(self, key: bytes) -> Decisions | None:
        cached = self._cached.get(key)
        if cached is None or cached.fresh_until <= time.monotonic():
            self.misses += 1
            return None
        self.hits += 1
        return cached.decisions

    def last_resort(self, key: bytes) -> Decisions | None:
        cached = self._cached.get(key)
        return None if cached is None or cached.until <= time.monotonic() else cached.decisions

    def clear(self) -> None:
        self._cached.clear()
