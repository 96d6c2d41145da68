"""By which names this machine may be asked.

A page in a browser can have its own name lead here, and so read what listens on loopback alone. That name stands in
`Host`, which no page can change. A page can also send a request here without reading the answer; its name stands in
`Origin`.
"""

import functools
import ipaddress
import re
from collections.abc import Sequence

LOCAL_SUFFIXES = (".localhost", ".local", ".lan", ".internal", ".home.arpa")
"""Ends of names that no stranger can own."""

_HOST = re.compile(r"(?P<name>\[[0-9a-f:.]+\]|[^\[\]:/@\s]+)(?::\d{1,5})?", re.ASCII)


class Hosts:
    def __init__(self, more: Sequence[str] = ()) -> None:
        """`more`: names besides those of a house."""
        self._more = frozenset(name.lower() for name in more)
        self.allows = functools.lru_cache(maxsize=256)(self._allows)

    def allows_origin(self, origin: bytes) -> bool:
        """`origin`: of the page that sent a request, which a browser tells. A program's own scheme is no page."""
        scheme, _, host = origin.partition(b"://")
        return self.allows(host) if scheme in (b"http", b"https") else origin != b"null"

    def _allows(self, host: bytes) -> bool:
        """`host`: name or address, and a port or none."""
        found = _HOST.fullmatch(host.decode("latin-1").lower())
        if found is None:
            return False
        name = found["name"].removesuffix(".")
        try:
            return not ipaddress.ip_address(name.strip("[]")).is_global
        except ValueError:
            # A name without a dot is one of this network's: the world's all have one.
            return "." not in name or name.endswith(LOCAL_SUFFIXES) or name in self._more
