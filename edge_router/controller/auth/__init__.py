"""Access control: allowed hosts and origins, access keys and their rate limits."""

from edge_router.controller.auth.allowed_hosts import AllowedHosts, allowed_hosts
from edge_router.controller.auth.authenticator import Authenticator
from edge_router.controller.auth.key_file import AccessKeyConfig, KeyFile, digest, new_secret
from edge_router.controller.auth.keys import AccessKeys
from edge_router.controller.auth.request_guard import RequestGuard

__all__ = [
    "AccessKeyConfig",
    "AccessKeys",
    "AllowedHosts",
    "Authenticator",
    "KeyFile",
    "RequestGuard",
    "allowed_hosts",
    "digest",
    "new_secret",
]
