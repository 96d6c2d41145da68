"""How much each key of a key may still ask for in this minute."""

import math
import time

from limits import RateLimitItem
from limits.storage import MemoryStorage
from limits.strategies import FixedWindowRateLimiter, MovingWindowRateLimiter
from limits.strategies import RateLimiter as WindowLimiter

from edge_router.controller.auth.keys import AccessKey
from edge_router.errors import LimitedError

REQUESTS, TOKENS = "requests", "tokens"


class RateLimiter:
    """Requests are counted as they come, over a window that moves with the clock. Tokens are known after the answer,
    and count even where they are more than was left: a moving window would refuse to note them, a fixed one does."""

    def __init__(self) -> None:
        storage = MemoryStorage()
        self._requests = MovingWindowRateLimiter(storage)
        self._tokens = FixedWindowRateLimiter(storage)

    def take(self, key: AccessKey) -> None:
        """Raises LimitedError."""
        name = str(key.caller.name)
        if key.tokens and not self._tokens.test(key.tokens, TOKENS, name):
            raise _limited(self._tokens, key.tokens, TOKENS, name)
        if key.requests and not self._requests.hit(key.requests, REQUESTS, name):
            raise _limited(self._requests, key.requests, REQUESTS, name)

    def spend(self, key: AccessKey, tokens: int) -> None:
        if key.tokens and tokens > 0:
            self._tokens.hit(key.tokens, TOKENS, str(key.caller.name), cost=tokens)


def _limited(limiter: WindowLimiter, limit: RateLimitItem, what: str, name: str) -> LimitedError:
    wait = max(limiter.get_window_stats(limit, what, name).reset_time - time.time(), 0.0)
    return LimitedError(f"this key may use {limit.amount} {what} a minute; ask again in {math.ceil(wait)} s", wait)
