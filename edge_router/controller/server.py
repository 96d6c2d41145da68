"""Runs the controller until it is told to stop."""

from typing import NoReturn

from edge_router.asgi.process import run, serve_http, stop_signal
from edge_router.asgi.types import Application
from edge_router.controller.settings import Limits


def serve(app: Application, host: str, port: int, limits: Limits) -> NoReturn:
    """Serves until SIGINT or SIGTERM and ends the process; answers under way are finished first."""

    async def main() -> None:
        await serve_http(app, host, port, stop_signal(), receive_seconds=limits.receive_seconds)

    run(main)
