"""A process that serves until it is told to stop. One process an address: a board's memory belongs to the LLM."""

import asyncio
import contextlib
import gc
import logging
import os
import signal
import socket
import sys
from collections.abc import Callable, Coroutine, Iterator
from typing import Any, NoReturn

import msgspec
import structlog
import uvicorn
import uvloop

from edge_router.asgi.connection import Connection
from edge_router.asgi.types import Application
from edge_router.errors import ConfigError

CONNECTIONS = 4096
"""Open at once. Idle ones cost a few kilobytes each, and must not keep the next client waiting."""
IDLE_SECONDS = 75
"""A connection without a request may stay open that long."""
GRACE_SECONDS = 10.0
"""Answers under way have that long to end once the process is told to stop."""


def run(main: Callable[[], Coroutine[Any, Any, None]], log_level: str = "info") -> NoReturn:
    """Runs `main` to its end and ends the process."""
    log_as_json(log_level)
    gc.collect()
    gc.freeze()  # what was imported stays: no need to look for garbage in it again and again
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main())
    sys.stdout.flush()
    # A run of a network that nobody waits for any more would keep the process.
    os._exit(0)


def stop_signal() -> asyncio.Event:
    """Set at SIGINT or SIGTERM."""
    stopped = asyncio.Event()
    running = asyncio.get_running_loop()
    for each in (signal.SIGINT, signal.SIGTERM):
        running.add_signal_handler(each, stopped.set)
    return stopped


class _Server(uvicorn.Server):
    """Several serve in one process, and it is stopped by an event."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


async def serve_http(
    app: Application,
    host: str,
    port: int,
    stopped: asyncio.Event,
    *,
    receive_seconds: float,
    grace_seconds: float = GRACE_SECONDS,
) -> None:
    """Serves until `stopped`; answers under way have `grace_seconds` to end. A client that has not sent its headers
    after `receive_seconds` is cut off."""
    config = uvicorn.Config(
        app,
        host=host,
        port=port,
        http=type("Connection", (Connection,), {"head_seconds": receive_seconds}),
        ws="none",
        lifespan="auto",
        interface="asgi3",
        backlog=1024,
        limit_concurrency=CONNECTIONS,
        timeout_keep_alive=IDLE_SECONDS,
        timeout_graceful_shutdown=grace_seconds,  # type: ignore[arg-type]  # whole seconds by its annotation alone
        proxy_headers=False,
        server_header=False,
        access_log=False,
        log_config=None,
        log_level=logging.CRITICAL,  # its errors repeat what a request held; ours are logged where they arise
    )
    server = _Server(config)

    async def stop() -> None:
        await stopped.wait()
        server.should_exit = True

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


def _line(event: Any, **_: Any) -> bytes:
    return msgspec.json.encode(event, enc_hook=str)


def log_as_json(level: str) -> None:
    """One JSON object a line on standard output, from `level` on. What a line may hold is decided where it is written:
    never a prompt."""
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.JSONRenderer(_line),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.BytesLoggerFactory(),
        cache_logger_on_first_use=True,
    )
