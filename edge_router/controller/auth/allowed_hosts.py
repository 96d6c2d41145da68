"""The host names that requests may have in their `Host` and `Origin` headers.

The check stops DNS rebinding: a web page makes its own host name resolve to this machine, and so reads what listens on
loopback. That name is in the `Host` header, which a page cannot change. It also stops requests that a page sends to
another origin (CSRF): the page's host name is in the `Origin` header.
"""

import functools
import ipaddress
import re
from collections.abc import Sequence

from edge_router.controller.config import is_loopback

LOCAL_SUFFIXES = (".localhost", ".local", ".lan", ".internal", ".home.arpa")
"""Endings of names that cannot be registered on the internet."""

_HOST = re.compile(r"(?P<name>\[[0-9a-f:.]+\]|[^\[\]:/@\s]+)(?::\d{1,5})?", re.ASCII)


class AllowedHosts:
    """Allows host names and addresses of the local network, and further names."""

    def __init__(self, more: Sequence[str] = ()) -> None:
        """`more`: names besides those of the local network."""
        self._more = frozenset(name.lower() for name in more)
        self.allows = functools.lru_cache(maxsize=256)(self._allows)

    def allows_origin(self, origin: bytes) -> bool:
        """`origin`: value of the `Origin` header. Schemes other than HTTP belong to programs and are allowed. `null`,
        the origin of a sandboxed page, is not."""
        scheme, _, host = origin.partition(b"://")
        return self.allows(host) if scheme in (b"http", b"https") else origin != b"null"

    def _allows(self, host: bytes) -> bool:
        """`host`: a name or address, with or without a port."""
        found = _HOST.fullmatch(host.decode("latin-1").lower())
        if found is None:
            return False
        name = found["name"].removesuffix(".")
        try:
            return not ipaddress.ip_address(name.strip("[]")).is_global
        except ValueError:
            # A name without a dot belongs to the local network: every public name has one.
            return "." not in name or name.endswith(LOCAL_SUFFIXES) or name in self._more


def allowed_hosts(host: str, more: Sequence[str], *, has_keys: bool) -> AllowedHosts | None:
    """The names allowed for a controller that listens on `host`; None allows any.

    If requests need an access key, names need no check: a web page has no key. `more`: further names.
    """
    return AllowedHosts(more) if more or not has_keys or is_loopback(host) else None
