"""Rate limits of access keys: requests and tokens a minute."""

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
    """Counts requests when they arrive, in a moving window, and tokens after the answer, in a fixed window.

    Tokens are counted even above the limit; a moving window would drop them.
    """

    def __init__(self) -> None:
        storage = MemoryStorage()
        self._requests = MovingWindowRateLimiter(storage)
        self._tokens = FixedWindowRateLimiter(storage)

    def count_request(self, key: AccessKey) -> None:
        """Raises LimitedError when a limit of the key is reached."""
        name = str(key.caller.name)
        if key.tokens and not self._tokens.test(key.tokens, TOKENS, name):
            raise _limited(self._tokens, key.tokens, TOKENS, name)
        if key.requests and not self._requests.hit(key.requests, REQUESTS, name):
            raise _limited(self._requests, key.requests, REQUESTS, name)

    def count_tokens(self, key: AccessKey, tokens: int) -> None:
        if key.tokens and tokens > 0:
            self._tokens.hit(key.tokens, TOKENS, str(key.caller.name), cost=tokens)


def _limited(limiter: WindowLimiter, limit: RateLimitItem, unit: str, name: str) -> LimitedError:
    wait = max(limiter.get_window_stats(limit, unit, name).reset_time - time.time(), 0.0)
    message = (
        f"the limit of this access key is reached: {limit.amount} {unit} a minute; try again in {math.ceil(wait)} s"
    )
    return LimitedError(message, wait)
