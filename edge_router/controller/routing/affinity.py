"""Keeps a conversation with the upstream it was given: it moves up at once, and down only after a while."""

import time
from collections.abc import Callable
from hashlib import blake2b

from cachetools import TTLCache

from edge_router.controller.config import AffinityConfig
from edge_router.controller.routing.evaluation import Evaluation

REMEMBERED = 10_000
"""Conversations."""


class Affinity:
    def __init__(self, section: AffinityConfig, clock: Callable[[], float] = time.monotonic) -> None:
        self.section = section
        self._rank = {name: rank for rank, name in enumerate(section.order)}
        self._stays: TTLCache[bytes, str] = TTLCache(REMEMBERED, section.minutes * 60, clock)

    def upstream(self, evaluation: Evaluation, first: str, able: Callable[[str], bool]) -> str:
        """Who answers in the place of `first`: an upstream that the conversation needed not long ago, if it is higher
        in the order and `able` to."""
        rank = self._rank.get(first)
        key = self._key(evaluation)
        if rank is None or key is None:
            return first
        kept = self._stays.get(key, first)
        if self._rank[kept] <= rank:
            self._stays[key] = first
            return first
        return kept if able(kept) else first

    def _key(self, evaluation: Evaluation) -> bytes | None:
        """Of whom stays; two access keys share nothing. None where the request does not say."""
        section, request = self.section, evaluation.request
        if section.header is not None:
            by = evaluation.context.headers.get(section.header)
        else:
            by = request.user if section.by == "user" else request.conversation
        if by is None:
            return None
        named = f"{evaluation.context.caller.name}\0{by}"
        return blake2b(named.encode("utf-8", "surrogatepass"), digest_size=16).digest()
