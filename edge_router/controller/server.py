"""Serves the controller until it is stopped."""

from collections.abc import Sequence
from typing import NoReturn

from starlette.routing import BaseRoute

from edge_router.asgi.process import check_port_free, run, serve_http, stop_signal
from edge_router.controller.app import app
from edge_router.controller.auth import AccessKeys, check_exposure
from edge_router.controller.runtime import Controller
from edge_router.controller.settings import Settings


def prepare(settings: Settings) -> AccessKeys | None:
    """Reads the access keys.

    Raises ConfigError when they cannot be read, when the address is open to the network without keys, or is in use.
    """
    keys = AccessKeys(settings.keys) if settings.keys else None
    check_exposure(settings.host, has_keys=keys is not None, insecure=settings.insecure)
    check_port_free(settings.host, settings.port)
    return keys


def serve(controller: Controller, more: Sequence[BaseRoute] = ()) -> NoReturn:
    """Serves until SIGINT or SIGTERM, finishes the answers in progress and ends the process."""
    settings = controller.settings

    async def main() -> None:
        await serve_http(
            app(controller, more),
            settings.host,
            settings.port,
            stop_signal(),
            receive_seconds=settings.receive_seconds,
            grace_seconds=settings.grace_seconds,
        )

    run(main, settings.log_level)
