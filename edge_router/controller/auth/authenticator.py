"""Finds the caller of a request by its access key, and enforces the key's rate limits."""

from collections.abc import Iterable
from typing import TypeAlias

from edge_router.controller.auth.keys import AccessKeys
from edge_router.controller.auth.rate_limiter import RateLimiter
from edge_router.controller.caller import Caller
from edge_router.errors import UnauthorizedError

Headers: TypeAlias = Iterable[tuple[bytes, bytes]]
"""Headers of an ASGI scope: names in lower case, repeated ones included."""

AUTHORIZATION = b"authorization"
KEY_HEADERS = (AUTHORIZATION, b"x-api-key")
ANONYMOUS = Caller()
REFUSAL = "no valid access key; send one as Authorization: Bearer KEY, or as x-api-key: KEY"
"""The same message for each reason, so that it reveals nothing about existing keys."""


class Authenticator:
    """Authenticates requests and counts what each access key uses."""

    def __init__(self, keys: AccessKeys | None) -> None:
        """`keys`: None if no key is needed."""
        self._keys = keys
        self._limiter = RateLimiter()

    def authenticate(self, headers: Headers) -> Caller:
        """The caller; its request is counted. Raises UnauthorizedError, and LimitedError when the key's limit for this
        minute is reached."""
        if self._keys is None:
            return ANONYMOUS
        key = self._keys.find(_secret(headers))
        if key is None:
            raise UnauthorizedError(REFUSAL)
        self._limiter.count_request(key)
        return key.caller

    def count_tokens(self, caller: Caller, tokens: int) -> None:
        """Counts the tokens of an answer. Does nothing if the caller's key has been revoked since."""
        if self._keys is not None and (key := self._keys.find_by_name(caller.name)):
            self._limiter.count_tokens(key, tokens)


def _secret(headers: Headers) -> bytes:
    """The secret in the headers; empty if there is none, if a header is repeated or if two headers differ.

    With two different secrets, a proxy in front of the controller may have checked the other one.
    """
    found = [(name, value) for name, value in headers if name in KEY_HEADERS]
    secrets = {_bearer(value) if name == AUTHORIZATION else value for name, value in found}
    is_repeated = len(found) > len({name for name, _ in found})
    return b"" if is_repeated or len(secrets) != 1 else secrets.pop()


def _bearer(value: bytes) -> bytes:
    scheme, _, secret = value.partition(b" ")
    return secret if scheme.lower() == b"bearer" else b""
