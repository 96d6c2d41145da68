"""Whom an address can be reached by: this machine alone, or others."""

from collections.abc import Sequence

from edge_router.controller.auth.hosts import Hosts
from edge_router.controller.auth.keys import AccessKeys
from edge_router.controller.config import is_loopback
from edge_router.errors import ConfigError


def check_exposed(host: str, keys: AccessKeys | None, insecure: bool) -> None:
    """Raises ConfigError where anybody in the network could use the upstreams and their keys."""
    if keys is None and not insecure and not is_loopback(host):
        raise ConfigError(
            f"host {host}: whoever reaches this address could ask, for there are no access keys; make one with "
            "`edge-router keys add NAME --keys FILE` and name the file in EDGE_ROUTER_KEYS, listen on 127.0.0.1, or "
            "take the risk with --insecure (EDGE_ROUTER_INSECURE=true)"
        )


def hosts_asked_for(host: str, keys: AccessKeys | None, allowed: Sequence[str]) -> Hosts | None:
    """The names that the door lets pass. Where a key must be shown, no stranger's page has one; it may then be any."""
    return Hosts(allowed) if allowed or keys is None or is_loopback(host) else None
