"""Access: which hosts, origins and keys a request may come with, and how much a key may use."""

from edge_router.controller.auth.authenticator import Authenticator
from edge_router.controller.auth.hosts import AllowedHosts, allowed_hosts, check_exposure
from edge_router.controller.auth.key_file import Key, KeyFile, digest, new_secret
from edge_router.controller.auth.keys import AccessKeys
from edge_router.controller.auth.request_guard import RequestGuard

__all__ = [
    "AccessKeys",
    "AllowedHosts",
    "Authenticator",
    "Key",
    "KeyFile",
    "RequestGuard",
    "allowed_hosts",
    "check_exposure",
    "digest",
    "new_secret",
]
