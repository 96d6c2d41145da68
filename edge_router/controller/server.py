"""Runs the application until it is told to stop. One process: a board's memory belongs to the LLM."""

import asyncio
import logging
import os
import signal
import socket
import sys
from typing import NoReturn

import structlog
from granian.constants import HTTPModes, Interfaces
from granian.server.embed import Server
from starlette.types import ASGIApp

from edge_router.errors import ConfigError


def serve(app: ASGIApp, host: str, port: int) -> NoReturn:
    """Serves until SIGINT or SIGTERM and ends the process; answers under way are finished first."""
    log_as_json()
    asyncio.run(_serve(app, host, port))
    sys.stdout.flush()
    # One of granian's threads that wakes while Python takes itself down would abort the process.
    os._exit(0)


def check_free(host: str, port: int) -> None:
    """Raises ConfigError when nobody can listen there."""
    try:
        with socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET):
            pass
    except OSError as error:
        reason = str(error.strerror).partition(" (")[0]  # Python adds the address to the system's own words
        raise ConfigError(f"cannot listen on {host}:{port}: {reason}; choose another port or address") from error


def log_as_json() -> None:
    """One JSON object a line on standard output. What a line may hold is decided where it is written: never a
    prompt."""
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
    )


async def _serve(app: ASGIApp, host: str, port: int) -> None:
    server = Server(app, address=host, port=port, interface=Interfaces.ASGI, http=HTTPModes.http1, log_enabled=False)
    running = asyncio.get_running_loop()
    for stop in (signal.SIGINT, signal.SIGTERM):
        running.add_signal_handler(stop, server.stop)
    await server.serve()
