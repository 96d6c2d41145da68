"""Runs a server process until a signal stops it.

Each address has one process, without worker processes: a board needs its memory for the LLM.
"""

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

MAX_CONNECTIONS = 4096
"""Connections open at once. An idle one costs a few kilobytes and must not keep the next client waiting."""
KEEP_ALIVE_SECONDS = 75
"""How long a connection stays open without a request."""
GRACE_SECONDS = 10.0
"""How long responses in flight may take to end once the process is told to stop."""


def run(main: Callable[[], Coroutine[Any, Any, None]], log_level: str = "info") -> NoReturn:
    """Runs `main` to its end and ends the process."""
    configure_logging(log_level)
    gc.collect()
    gc.freeze()  # imported modules stay for good: the collector need not scan them again
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main())
    sys.stdout.flush()
    # A run of the network that outlives its request would keep the process alive.
    os._exit(0)


def stop_signal() -> asyncio.Event:
    """Returns an event that SIGINT or SIGTERM sets."""
    stopped = asyncio.Event()
    running = asyncio.get_running_loop()
    for each in (signal.SIGINT, signal.SIGTERM):
        running.add_signal_handler(each, stopped.set)
    return stopped


class _Server(uvicorn.Server):
    """A uvicorn server that leaves signals alone: several run in one process, and an event stops them."""

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
    """Serves `app` until `stopped` is set; responses in flight have `grace_seconds` to end.

    A client that has not sent its headers after `receive_seconds` is disconnected.
    """
    config = uvicorn.Config(
        app,
        host=host,
        port=port,
        http=type("Connection", (Connection,), {"head_seconds": receive_seconds}),
        ws="none",
        lifespan="auto",
        interface="asgi3",
        backlog=1024,
        limit_concurrency=MAX_CONNECTIONS,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=grace_seconds,  # type: ignore[arg-type]  # annotated int; fractions work
        proxy_headers=False,
        server_header=False,
        access_log=False,
        log_config=None,
        log_level=logging.CRITICAL,  # uvicorn's errors repeat a request's content; ours are logged where they arise
    )
    server = _Server(config)

    async def stop() -> None:
        await stopped.wait()
        server.should_exit = True

    stopping = asyncio.create_task(stop())
    await server.serve()
    stopping.cancel()
    stopped.set()  # a server that ends by itself ends the process; its supervisor starts it again


def check_port_free(host: str, port: int) -> None:
    """Raises ConfigError when this address cannot be listened on."""
    try:
        with socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET):
            pass
    except OSError as error:
        reason = str(error.strerror).partition(" (")[0]  # Python adds the address to the system's own words
        raise ConfigError(f"cannot listen on {host}:{port}: {reason}; choose another port or address") from error


def _json_line(event: Any, **_: Any) -> bytes:
    return msgspec.json.encode(event, enc_hook=str)


def configure_logging(level: str) -> None:
    """Logs events of `level` and above as one JSON object a line on standard output.

    The caller of the logger decides what a line holds: never a prompt.
    """
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.JSONRenderer(_json_line),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.BytesLoggerFactory(),
        cache_logger_on_first_use=True,
    )
