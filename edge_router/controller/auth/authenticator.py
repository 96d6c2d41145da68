"""Who asks, by the key in the request's headers."""

from collections.abc import Iterable
from typing import TypeAlias

from edge_router.controller.auth.keys import AccessKeys
from edge_router.controller.auth.rate_limiter import RateLimiter
from edge_router.controller.caller import Caller
from edge_router.errors import UnauthorizedError

Headers: TypeAlias = Iterable[tuple[bytes, bytes]]
"""Of an ASGI scope: names in lower case, as often as they came."""

AUTHORIZATION = b"authorization"
CARRIERS = (AUTHORIZATION, b"x-api-key")
ANYBODY = Caller()
REFUSAL = "no valid access key; send one as Authorization: Bearer KEY, or as x-api-key: KEY"
"""The same whatever is wrong: it tells nobody which keys there are."""


class Authenticator:
    def __init__(self, keys: AccessKeys | None) -> None:
        """Without keys everybody is let in."""
        self._keys = keys
        self._limits = RateLimiter()

    def admit(self, headers: Headers) -> Caller:
        """Raises UnauthorizedError, and LimitedError when the key's minute is used up."""
        if self._keys is None:
            return ANYBODY
        key = self._keys.find(_presented(headers))
        if key is None:
            raise UnauthorizedError(REFUSAL)
        self._limits.take(key)
        return key.caller

    def spend(self, caller: Caller, tokens: int) -> None:
        """Charges an answer; a key that is revoked by now owes nothing."""
        if self._keys is not None and (key := self._keys.find_by_name(caller.name)):
            self._limits.spend(key, tokens)


def _presented(headers: Headers) -> bytes:
    """The one key of all carriers; empty where there is none, or where two say different things: what a proxy in front
    has checked must be what is checked here."""
    carried = [(name, value) for name, value in headers if name in CARRIERS]
    keys = {_bearer(value) if name == AUTHORIZATION else value for name, value in carried}
    doubled = len(carried) > len({name for name, _ in carried})
    return b"" if doubled or len(keys) != 1 else keys.pop()


def _bearer(value: bytes) -> bytes:
    scheme, _, key = value.partition(b" ")
    return key if scheme.lower() == b"bearer" else b""
