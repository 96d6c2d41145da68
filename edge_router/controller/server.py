"""Starts the controller's HTTP server: checks before the start, and serving until a signal."""

from collections.abc import Sequence
from typing import NoReturn

from starlette.routing import BaseRoute

from edge_router.asgi.process import check_port_free, run, serve_http, stop_signal
from edge_router.controller.app import create_app
from edge_router.controller.auth import AccessKeys
from edge_router.controller.config import is_loopback
from edge_router.controller.runtime import Controller
from edge_router.controller.settings import Settings
from edge_router.errors import ConfigError


def prepare(settings: Settings) -> AccessKeys | None:
    """Checks the address and the port before the start. Returns the access keys, None without a key file.

    Raises ConfigError if the keys cannot be read, if other machines could connect without a key, or if the port is in
    use.
    """
    keys = AccessKeys(settings.keys) if settings.keys else None
    check_exposure(settings.host, has_keys=keys is not None, insecure=settings.insecure)
    check_port_free(settings.host, settings.port)
    return keys


def check_exposure(host: str, *, has_keys: bool, insecure: bool) -> None:
    """Raises ConfigError if other machines could use the upstreams and their keys without an access key."""
    if not has_keys and not insecure and not is_loopback(host):
        raise ConfigError(
            f"host {host}: other machines can reach this address, and there are no access keys. Make a key with "
            "`edge-router keys add NAME --keys FILE` and name the file in EDGE_ROUTER_KEYS, listen on 127.0.0.1, or "
            "allow it with --insecure (EDGE_ROUTER_INSECURE=true)"
        )


def serve(controller: Controller, extra_routes: Sequence[BaseRoute] = ()) -> NoReturn:
    """Serves until SIGINT or SIGTERM, finishes the answers in progress and ends the process."""
    settings = controller.settings

    async def main() -> None:
        await serve_http(
            create_app(controller, extra_routes),
            settings.host,
            settings.port,
            stop_signal(),
            receive_seconds=settings.receive_seconds,
            grace_seconds=settings.grace_seconds,
        )

    run(main, settings.log_level)
