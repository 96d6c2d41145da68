"""The addresses that the controller may listen on, and the host names that requests may use for it.

A page in a browser can make its own host name lead to this machine, and so read what listens on loopback. Such a name
is in the `Host` header, which a page cannot change. A page can also send a request here without reading the answer. Its
name is then in the `Origin` header.
"""

import functools
import ipaddress
import re
from collections.abc import Sequence

from edge_router.controller.config import is_loopback
from edge_router.errors import ConfigError

LOCAL_SUFFIXES = (".localhost", ".local", ".lan", ".internal", ".home.arpa")
"""Endings of names that cannot be registered on the internet."""

_HOST = re.compile(r"(?P<name>\[[0-9a-f:.]+\]|[^\[\]:/@\s]+)(?::\d{1,5})?", re.ASCII)


class AllowedHosts:
    """Host names and addresses of the local network, and further names."""

    def __init__(self, more: Sequence[str] = ()) -> None:
        """`more`: names besides those of the local network."""
        self._more = frozenset(name.lower() for name in more)
        self.allows = functools.lru_cache(maxsize=256)(self._allows)

    def allows_origin(self, origin: bytes) -> bool:
        """`origin`: of the page that sent the request, as its browser states it. Schemes other than HTTP are those of
        programs, which are allowed."""
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
            # A name without a dot belongs to the local network: names on the internet have one.
            return "." not in name or name.endswith(LOCAL_SUFFIXES) or name in self._more


def check_exposure(host: str, *, has_keys: bool, insecure: bool) -> None:
    """Raises ConfigError if other machines could use the upstreams and their keys without an access key."""
    if not has_keys and not insecure and not is_loopback(host):
        raise ConfigError(
            f"host {host}: other machines can reach this address, and there are no access keys. Make a key with "
            "`edge-router keys add NAME --keys FILE` and name the file in EDGE_ROUTER_KEYS, listen on 127.0.0.1, or "
            "allow it with --insecure (EDGE_ROUTER_INSECURE=true)"
        )


def allowed_hosts(host: str, more: Sequence[str], *, has_keys: bool) -> AllowedHosts | None:
    """The host names that requests to an address must use; None for any. A page of a stranger has no access key, so the
    names only matter where no key is needed."""
    return AllowedHosts(more) if more or not has_keys or is_loopback(host) else None
