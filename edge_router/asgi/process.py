"""A process that serves until it is told to stop. One process an address: a board's memory belongs to the LLM."""

import asyncio
import logging
import os
import signal
import socket
import sys
from collections.abc import Callable, Coroutine
from typing import Any, NoReturn

import structlog
from granian.constants import HTTPModes, Interfaces
from granian.http import HTTP1Settings
from granian.server.embed import Server

from edge_router.asgi.types import Application
from edge_router.errors import ConfigError

CONNECTIONS = 4096
"""Open at once. Idle ones cost a few kilobytes each, and must not keep the next client waiting."""


def run(main: Callable[[], Coroutine[Any, Any, None]]) -> NoReturn:
    """Runs `main` to its end and ends the process."""
    log_as_json()
    asyncio.run(main())
    sys.stdout.flush()
    # One of granian's threads that wakes while Python takes itself down would abort the process.
    os._exit(0)


def stop_signal() -> asyncio.Event:
    """Set at SIGINT or SIGTERM."""
    stopped = asyncio.Event()
    running = asyncio.get_running_loop()
    for each in (signal.SIGINT, signal.SIGTERM):
        running.add_signal_handler(each, stopped.set)
    return stopped


async def serve_http(app: Application, host: str, port: int, stopped: asyncio.Event, *, receive_seconds: float) -> None:
    """Serves until `stopped`; answers under way are finished first. A client that has not sent its headers after
    `receive_seconds` is cut off."""
    server = Server(
        app,
        address=host,
        port=port,
        interface=Interfaces.ASGI,
        http=HTTPModes.http1,
        http1_settings=HTTP1Settings(header_read_timeout=int(receive_seconds * 1000)),
        backlog=1024,
        backpressure=CONNECTIONS,
        log_enabled=False,
    )

    async def stop() -> None:
        await stopped.wait()
        server.stop()  # type: ignore[no-untyped-call]

    stopping = asyncio.create_task(stop())
    await server.serve()
    stopping.cancel()
    stopped.set()  # a server that ends by itself takes the process along: whoever started it starts it again


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
