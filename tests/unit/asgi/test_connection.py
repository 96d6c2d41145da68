"""Connection over real sockets: the limits of a request's head, and the packets of a response."""

import asyncio
import contextlib
import socket
import time
from collections.abc import AsyncIterator

import pytest

from edge_router.asgi.connection import MAX_HEAD_BYTES, BufferedTransport
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


async def test_a_connection_serves_several_requests_in_sequence(peer: Peer) -> None:
    reader, writer = peer
    for _ in range(3):
        writer.write(REQUEST + b"\r\n")
        assert (await reader.readuntil(b"hello")).startswith(b"HTTP/1.1 200 ")


async def test_an_oversized_head_is_refused_with_431(peer: Peer) -> None:
    reader, writer = peer
    writer.write(REQUEST + b"X: " + b"y" * MAX_HEAD_BYTES)
    assert (await asyncio.wait_for(reader.read(), SECONDS)).startswith(b"HTTP/1.1 431 ")


async def test_an_incomplete_head_times_out_on_a_reused_connection(peer: Peer) -> None:
    reader, writer = peer
    writer.write(REQUEST + b"\r\n")
    await reader.readuntil(b"hello")
    writer.write(b"\r\nGET / HT")
    started = time.monotonic()
    assert await asyncio.wait_for(reader.read(), SECONDS + 5) == b""
    assert time.monotonic() - started > SECONDS / 2


async def test_writes_of_one_loop_iteration_are_one_packet_and_closing_flushes_them() -> None:
    server, client = socket.socketpair()
    transport, _ = await asyncio.get_running_loop().connect_accepted_socket(asyncio.Protocol, server)
    received: list[bytes] = []
    loop = asyncio.get_running_loop()
    buffered = BufferedTransport(transport, loop)
    client.setblocking(False)
    buffered.write(b"head ")
    buffered.write(b"body")
    await asyncio.sleep(0.01)
    received.append(client.recv(100))
    buffered.write(b"last")
    buffered.close()
    await asyncio.sleep(0.01)
    received += [client.recv(100), client.recv(100)]
    client.close()
    assert received == [b"head body", b"last", b""]
