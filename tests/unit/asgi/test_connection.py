"""A connection over real sockets: what leaves it, and what may come."""

import asyncio
import contextlib
import socket
import time
from collections.abc import AsyncIterator

import pytest

from edge_router.asgi.connection import HEAD_BYTES, Joined
from edge_router.asgi.process import serve_http
from edge_router.asgi.response import SimpleResponse
from edge_router.asgi.types import Receive, Scope, Send
from tests.support.ports import free_ports

REQUEST = b"GET / HTTP/1.1\r\nHost: x\r\n"
SECONDS = 1


async def hello(scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] == "http":
        await SimpleResponse(body=b"hello").send(send)


@pytest.fixture
async def peer() -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    [port] = free_ports(1)
    stopped = asyncio.Event()
    serving = asyncio.create_task(serve_http(hello, "127.0.0.1", port, stopped, receive_seconds=SECONDS))
    while True:
        with contextlib.suppress(OSError):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            break
        await asyncio.sleep(0.01)
    yield reader, writer
    writer.close()
    stopped.set()
    await asyncio.wait_for(serving, 20)


Peer = tuple[asyncio.StreamReader, asyncio.StreamWriter]


async def test_a_connection_serves_one_request_after_another(peer: Peer) -> None:
    reader, writer = peer
    for _ in range(3):
        writer.write(REQUEST + b"\r\n")
        assert (await reader.readuntil(b"hello")).startswith(b"HTTP/1.1 200 ")


async def test_a_head_without_end_is_refused(peer: Peer) -> None:
    reader, writer = peer
    writer.write(REQUEST + b"X: " + b"y" * HEAD_BYTES)
    assert (await asyncio.wait_for(reader.read(), SECONDS)).startswith(b"HTTP/1.1 431 ")


async def test_a_head_that_stalls_is_cut_off_also_on_a_connection_in_use(peer: Peer) -> None:
    reader, writer = peer
    writer.write(REQUEST + b"\r\n")
    await reader.readuntil(b"hello")
    writer.write(b"\r\nGET / HT")
    started = time.monotonic()
    assert await asyncio.wait_for(reader.read(), SECONDS + 5) == b""
    assert time.monotonic() - started > SECONDS / 2


async def test_writes_of_one_turn_leave_together_and_before_the_end() -> None:
    ours, theirs = socket.socketpair()
    transport, _ = await asyncio.get_running_loop().connect_accepted_socket(asyncio.Protocol, ours)
    seen: list[bytes] = []
    loop = asyncio.get_running_loop()
    joined = Joined(transport, loop)
    theirs.setblocking(False)
    joined.write(b"head ")
    joined.write(b"body")
    await asyncio.sleep(0.01)
    seen.append(theirs.recv(100))
    joined.write(b"last")
    joined.close()
    await asyncio.sleep(0.01)
    seen += [theirs.recv(100), theirs.recv(100)]
    theirs.close()
    assert seen == [b"head body", b"last", b""]
