"""Which requests the HTTP server passes on to the controller, byte by byte."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import msgspec
import pytest

from edge_router.asgi.process import serve_http
from edge_router.asgi.response import SimpleResponse
from edge_router.asgi.types import Receive, Scope, Send
from edge_router.controller.auth import AllowedHosts
from edge_router.controller.auth.request_guard import MAX_HEADER_BYTES, MAX_HEADERS, RequestGuard
from tests.support.ports import free_ports

GET = b"GET /v1/models HTTP/1.1\r\n"
POST = b"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\n"
HOST = b"Host: localhost\r\n"


async def echo(scope: Scope, receive: Receive, send: Send) -> None:
    """The body that came."""
    if scope["type"] == "http":
        body, more = b"", True
        while more:
            message = await receive()
            body, more = body + message.get("body", b""), message.get("more_body", False)
        await SimpleResponse(body=b"passed: " + body).send(send)


@pytest.fixture
async def port() -> AsyncIterator[int]:
    [port] = free_ports(1)
    stopped = asyncio.Event()
    serving = asyncio.create_task(
        serve_http(RequestGuard(echo, AllowedHosts()), "127.0.0.1", port, stopped, receive_seconds=5)
    )
    while True:
        with contextlib.suppress(OSError):
            _, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.close()
            break
        await asyncio.sleep(0.01)
    yield port
    stopped.set()
    await asyncio.wait_for(serving, 20)


async def response(port: int, request: bytes) -> tuple[int, bytes]:
    """Status and body of the one answer; 0 where the connection ended without any."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(request)
    try:
        async with asyncio.timeout(10):
            head = await reader.readuntil(b"\r\n\r\n")
            fields = dict(line.lower().split(b": ", 1) for line in head.split(b"\r\n")[1:] if line)
            return int(head.split()[1]), await reader.readexactly(int(fields[b"content-length"]))
    except (asyncio.IncompleteReadError, ConnectionResetError):
        return 0, b""
    finally:
        writer.close()


def headers(count: int) -> bytes:
    return b"".join(b"X-%d: y\r\n" % number for number in range(count))


@pytest.mark.parametrize(
    "request_",
    [
        GET + HOST + b"\r\n",
        GET + b"host:   127.0.0.1:8084\r\n\r\n",
        GET + HOST + b"Origin: http://localhost:3000\r\n\r\n",
        GET + HOST + b"Origin: chrome-extension://abc\r\n\r\n",
        GET + HOST + headers(MAX_HEADERS - 1) + b"\r\n",
        GET + HOST + b"X: " + b"y" * (MAX_HEADER_BYTES - 100) + b"\r\n\r\n",
        POST + b"Content-Length: 2\r\n\r\n{}",
        POST + b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
        POST + b"Transfer-Encoding: chunked\r\n\r\n2;name=value\r\n{}\r\n0\r\n\r\n",
        POST + b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\nHost: no.header.any.more\r\n\r\n",
    ],
)
async def test_a_proper_request_is_passed_on(port: int, request_: bytes) -> None:
    status, body = await response(port, request_)
    assert status == 200
    assert body in (b"passed: ", b"passed: {}")


@pytest.mark.parametrize(
    ("request_", "statuses", "word"),
    [
        (GET + b"\r\n", {400}, "0 Host"),
        (GET + HOST + HOST + b"\r\n", {400}, "2 Host"),
        (GET + HOST + b"Host: evil.example.com\r\n\r\n", {400}, "2 Host"),
        (GET + b"Host: evil.example.com\r\n\r\n", {403}, "EDGE_ROUTER_ALLOWED_HOSTS"),
        (GET + b"Host: \r\n\r\n", {403}, "Host"),
        (GET + HOST + b"Origin: https://evil.example.com\r\n\r\n", {403}, "Origin"),
        (GET + HOST + b"Origin: null\r\n\r\n", {403}, "Origin"),
        (GET + HOST + headers(MAX_HEADERS) + b"\r\n", {431}, "100 headers"),
        (GET + HOST + headers(3000) + b"\r\n", {431}, "headers"),
        (GET + HOST + b"X: " + b"y" * MAX_HEADER_BYTES + b"\r\n\r\n", {431}, "32768 bytes"),
    ],
)
async def test_a_head_that_does_not_fit_is_refused_in_words(
    port: int, request_: bytes, statuses: set[int], word: str
) -> None:
    status, body = await response(port, request_)
    assert status in statuses
    assert word in msgspec.json.decode(body)["error"]["message"]


@pytest.mark.parametrize(
    "request_",
    [
        pytest.param(POST + b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", id="CL and TE"),
        pytest.param(POST + b"Transfer-Encoding: chunked\r\nContent-Length: 2\r\n\r\n0\r\n\r\n", id="TE and CL"),
        pytest.param(POST + b"Content-Length: 2\r\nContent-Length: 2\r\n\r\n{}", id="two equal CL"),
        pytest.param(POST + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}", id="two CL"),
        pytest.param(POST + b"Content-Length: 2, 2\r\n\r\n{}", id="list of CL"),
        pytest.param(POST + b"Content-Length: -2\r\n\r\n{}", id="negative CL"),
        pytest.param(POST + b"Content-Length: +2\r\n\r\n{}", id="signed CL"),
        pytest.param(POST + b"Content-Length: 0x2\r\n\r\n{}", id="hexadecimal CL"),
        pytest.param(POST + b"Content-Length: 99999999999999999999999\r\n\r\n{}", id="huge CL"),
        pytest.param(POST + b"Transfer-Encoding: chunked\r\n\r\n2\n{}\n0\n\n", id="bare LF in chunks"),
        pytest.param(POST + b"Transfer-Encoding: chunked\r\n\r\n-2\r\n{}\r\n0\r\n\r\n", id="negative chunk"),
        pytest.param(POST + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n", id="chunk of no size"),
        pytest.param(
            POST + b"Transfer-Encoding: chunked\r\n\r\n" + b"f" * 17 + b"\r\n{}\r\n0\r\n\r\n", id="huge chunk"
        ),
        pytest.param(POST + b"Transfer-Encoding: chunked, identity\r\n\r\n2\r\n{}\r\n0\r\n\r\n", id="chunked not last"),
        pytest.param(POST + b"Transfer-Encoding: xchunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n", id="TE of no kind"),
        pytest.param(POST + b"Transfer-Encoding : chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n", id="space before colon"),
        pytest.param(GET + HOST + b"X: a\r\n b\r\n\r\n", id="folded header"),
        pytest.param(GET + HOST + b"X: a\x00b\r\n\r\n", id="NUL in header"),
        pytest.param(GET + HOST + b"X: a\rb\r\n\r\n", id="CR in header"),
        pytest.param(GET + HOST + b": a\r\n\r\n", id="header without name"),
        pytest.param(GET.replace(b"\r", b"") + HOST.replace(b"\r", b"") + b"\n", id="bare LF"),
        pytest.param(b"G\xc3\xa4T / HTTP/1.1\r\n" + HOST + b"\r\n", id="method of no kind"),
        pytest.param(b"GET / HTTP/3.7\r\n" + HOST + b"\r\n", id="version of no kind"),
        pytest.param(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", id="HTTP/2"),
        pytest.param(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\x00" * 200, id="TLS"),
        pytest.param(GET.replace(b"/v1", b"/v1 /x") + HOST + b"\r\n", id="space in target"),
    ],
)
async def test_what_two_servers_could_read_differently_is_refused(port: int, request_: bytes) -> None:
    status, body = await response(port, request_)
    assert status in (0, 400, 505)
    assert b"passed" not in body
    assert (await response(port, GET + HOST + b"\r\n"))[0] == 200


@pytest.mark.parametrize(
    "request_",
    [
        pytest.param(GET + HOST + b"X: " + b"y" * 10_000_000, id="10 MB header"),
        pytest.param(GET + HOST + headers(100_000) + b"\r\n", id="100,000 headers"),
        pytest.param(POST + b"Transfer-Encoding: chunked\r\n\r\n2;" + b"x" * 200_000 + b"\r\n", id="chunk extension"),
        pytest.param(POST + b"Transfer-Encoding: chunked\r\n\r\n0\r\nX: " + b"y" * 10_000_000, id="trailer"),
        pytest.param(b"GET /" + b"x" * 200_000 + b" HTTP/1.1\r\n" + HOST + b"\r\n", id="200 kB target"),
    ],
)
async def test_what_is_too_large_is_cut_off(port: int, request_: bytes) -> None:
    status, body = await response(port, request_)
    assert status in (0, 400, 413, 414, 431)
    assert b"passed" not in body
    assert (await response(port, GET + HOST + b"\r\n"))[0] == 200


async def test_an_error_is_worded_as_the_api_of_its_address_does(port: int) -> None:
    _, body = await response(port, b"GET /api/tags HTTP/1.1\r\nHost: evil.example.com\r\n\r\n")
    assert "EDGE_ROUTER_ALLOWED_HOSTS" in msgspec.json.decode(body)["error"]
