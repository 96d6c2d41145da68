"""Keeps a conversation with the upstream it was given: it moves up at once, and down only after a while."""

import time
from collections.abc import Callable
from hashlib import blake2b

from cachetools import TTLCache

from edge_router.controller.routes.affinity import AffinitySection
from edge_router.controller.routing.view import View

REMEMBERED = 10_000
"""Conversations."""


class Affinity:
    def __init__(self, section: AffinitySection, clock: Callable[[], float] = time.monotonic) -> None:
        self.section = section
        self._rank = {name: rank for rank, name in enumerate(section.order)}
        self._stays: TTLCache[bytes, str] = TTLCache(REMEMBERED, section.minutes * 60, clock)

    def upstream(self, view: View, first: str, able: Callable[[str], bool]) -> str:
        """Who answers in the place of `first`: an upstream that the conversation needed not long ago, if it is higher
        in the order and `able` to."""
        rank = self._rank.get(first)
        key = self._key(view)
        if rank is None or key is None:
            return first
        kept = self._stays.get(key, first)
        if self._rank[kept] <= rank:
            self._stays[key] = first
            return first
        return kept if able(kept) else first

    def _key(self, view: View) -> bytes | None:
        """Of whom stays; two access keys share nothing. None where the request does not say."""
        section, asked = self.section, view.asked
        if section.header is not None:
            by = view.circumstances.headers.get(section.header)
        else:
            by = asked.user if section.by == "user" else asked.conversation
        if by is None:
            return None
        named = f"{view.circumstances.caller.name}\0{by}"
        return blake2b(named.encode("utf-8", "surrogatepass"), digest_size=16).digest()
