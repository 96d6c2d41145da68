"""Decisions taken before, by a hash of the text that was classified. The text itself is not kept."""

import secrets
import time
from hashlib import blake2b
from typing import NamedTuple

from cachetools import LRUCache

from edge_router.controller.classification.decision import Decisions
from edge_router.controller.routes.classifier import Cache

LAST_RESORT_SECONDS = 3600.0
"""A decision so old is still better than none."""


class Kept(NamedTuple):
    decisions: Decisions
    fresh_until: float
    until: float


class DecisionCache:
    def __init__(self, section: Cache) -> None:
        self._seconds = section.seconds
        self._kept: LRUCache[bytes, Kept] = LRUCache(section.size)
        self._secret = secrets.token_bytes(32)
        self.hits = 0
        self.misses = 0

    def __len__(self) -> int:
        return len(self._kept)

    def key(self, text: str) -> bytes:
        """Says nothing of the text to who does not know this process's secret."""
        return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16, key=self._secret).digest()

    def keep(self, key: bytes, decisions: Decisions, *, fresh: bool) -> None:
        """`fresh`: to be taken instead of asking again, not only as a last resort."""
        now = time.monotonic()
        if self._kept.maxsize:
            self._kept[key] = Kept(
                decisions, now + self._seconds * fresh, now + max(LAST_RESORT_SECONDS, self._seconds)
            )

    def fresh(self, key: bytes) -> Decisions | None:
        kept = self._kept.get(key)
        if kept is None or kept.fresh_until <= time.monotonic():
            self.misses += 1
            return None
        self.hits += 1
        return kept.decisions

    def last_resort(self, key: bytes) -> Decisions | None:
        kept = self._kept.get(key)
        return None if kept is None or kept.until <= time.monotonic() else kept.decisions

    def clear(self) -> None:
        self._kept.clear()
