"""Keeps a conversation with its upstream. It moves to a higher-ranked upstream at once, and back only after a while."""

import time
from collections.abc import Callable
from hashlib import blake2b

from cachetools import TTLCache

from edge_router.controller.config import AffinityConfig
from edge_router.controller.routing.evaluation import Evaluation

MAX_CONVERSATIONS = 10_000


class Affinity:
    """Remembers the upstream of each conversation by a hash, separately for each access key."""

    def __init__(self, config: AffinityConfig, clock: Callable[[], float] = time.monotonic) -> None:
        self.config = config
        self._rank = {name: rank for rank, name in enumerate(config.order)}
        self._upstreams: TTLCache[bytes, str] = TTLCache(MAX_CONVERSATIONS, config.minutes * 60, clock)

    def upstream(self, evaluation: Evaluation, first: str, is_able: Callable[[str], bool]) -> str:
        """The upstream that answers in place of `first`.

        The conversation's recent upstream if it ranks higher and `is_able`; else `first`.
        """
        rank = self._rank.get(first)
        key = self._key(evaluation)
        if rank is None or key is None:
            return first
        kept = self._upstreams.get(key, first)
        if self._rank[kept] <= rank:
            self._upstreams[key] = first
            return first
        return kept if is_able(kept) else first

    def _key(self, evaluation: Evaluation) -> bytes | None:
        """A hash of what identifies the conversation; None if the request has no such user or header."""
        config, request = self.config, evaluation.request
        if config.header is not None:
            value = evaluation.context.headers.get(config.header)
        else:
            value = request.user if config.by == "user" else request.conversation
        if value is None:
            return None
        named = f"{evaluation.context.caller.name}\0{value}"
        return blake2b(named.encode("utf-8", "surrogatepass"), digest_size=16).digest()
