"""Hostile requests to the light server: each gets a 4xx, and the next request is answered."""

import contextlib
import gzip
import random
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests
from requests.adapters import HTTPAdapter
from urllib3.util import Retry

from tests.support.light_server import Light
from tests.support.shipped import MODELS

INFER = "/v2/models/task_router_ensemble/infer"
GOOD = b'{"inputs": [{"name": "INPUT", "datatype": "BYTES", "shape": [1, 1], "data": ["hi there, how are you?"]}]}'
BODIES = 10_000
WORDS = [
    *(b'{"inputs":', b'"shape":', b'"data":', b'"name":', b'"datatype":', b'"parameters":', b'"outputs":', b'"INPUT"'),
    *(b'{"binary_data_size": 1}', b'{"classification": 3}', b'"BYTES"', b"1", b"-1", b"1e999", b"9" * 40, b"null"),
    *(b"[", b"]", b"{", b"}", b",", b'"', b" ", b"\0", b"\xff", b"\\ud800"),
]
HEADERS = ["Inference-Header-Content-Length", "Content-Encoding", "Content-Type", "Accept-Encoding", "X-Any"]
VALUES = ["0", "1", "-1", "7", "999999", "x", "", "gzip", "deflate", "br", "application/json", "a" * 500]
DEADLINE = 2
"""Deadline in seconds for receiving a request."""


def good(light: Light) -> requests.Response:
    return requests.post(f"http://{light.http}{INFER}", data=GOOD, timeout=30)


@pytest.fixture(autouse=True)
def _the_next_request_is_answered(light: Light) -> Iterator[None]:
    yield
    assert good(light).json()["outputs"][0]["data"].index(1) == 1
    assert requests.get(f"http://{light.http}/v2/health/live", timeout=5).status_code == 200


def any_body(chance: random.Random) -> bytes:
    match chance.randrange(4):
        case 0:
            return chance.randbytes(chance.randrange(200))
        case 1:
            return b"".join(chance.choices(WORDS, k=chance.randrange(1, 30)))
        case 2:
            return GOOD[: chance.randrange(len(GOOD))]
        case _:
            changed = bytearray(GOOD)
            for _ in range(chance.randrange(1, 4)):
                changed[chance.randrange(len(changed))] = chance.randrange(256)
            return bytes(changed)


def any_path(chance: random.Random) -> str:
    version = chance.choice(["", "", "/versions/1", "/versions/2", "/versions/x"])
    verb = chance.choice(["/infer"] * 6 + ["", "/config", "/stats", "/load", "/generate", "/%ff"])
    return f"/v2/models/{chance.choice([*MODELS, 'nobody', '..'])}{version}{verb}"


def statuses(light: Light, seed: int, count: int) -> set[int]:
    chance = random.Random(seed)
    found = set()
    with requests.Session() as session:
        # The server may close a connection between two requests; the client then sends the request again.
        session.mount("http://", HTTPAdapter(max_retries=Retry(total=1, allowed_methods=None)))
        for _ in range(count):
            body = any_body(chance)
            names = chance.sample(HEADERS[:5], chance.randrange(3))
            headers = {name: chance.choice(VALUES).strip() for name in names}
            method = chance.choice(["POST"] * 9 + ["GET", "PUT", "DELETE", "PATCH", "OPTIONS"])
            reply = session.request(
                method, f"http://{light.http}{any_path(chance)}", data=body, headers=headers, timeout=30
            )
            found.add(reply.status_code)
            if reply.status_code >= 400 and method != "HEAD":
                assert list(reply.json()) == ["error"], reply.text
                assert "Traceback" not in reply.text
    return found


@pytest.mark.timeout(300)
def test_ten_thousand_random_requests(light: Light) -> None:
    """A changed byte may leave a request valid; a wrong request gets a 4xx, never a 5xx."""
    statuses(light, 0, 500)
    before = light.resident_mb
    with ThreadPoolExecutor(4) as pool:
        found = set().union(*pool.map(lambda seed: statuses(light, seed, BODIES // 8), range(1, 9)))
    assert found <= {200, 400, 404, 405, 413, 415}
    assert light.resident_mb - before < 10


def test_64_announced_megabytes_are_refused_at_once(light: Light) -> None:
    with connected(light) as peer:
        peer.sendall(f"POST {INFER} HTTP/1.1\r\nHost: x\r\nContent-Length: {64 * 2**20}\r\n\r\n".encode())
        assert peer.recv(1000).startswith(b"HTTP/1.1 413 ")


def test_64_megabytes_in_chunks_are_refused_at_the_limit(light: Light) -> None:
    before = light.resident_mb
    chunk = b"100000\r\n" + b"x" * 2**20 + b"\r\n"
    with connected(light) as peer, contextlib.suppress(ConnectionError, TimeoutError):
        peer.sendall(f"POST {INFER} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n".encode())
        for _ in range(64):
            peer.sendall(chunk)
        assert peer.recv(1000).startswith(b"HTTP/1.1 413 ")
    assert light.resident_mb - before < 40


def test_64_megabytes_in_64_kilobytes_of_gzip_are_refused(light: Light) -> None:
    reply = requests.post(
        f"http://{light.http}{INFER}",
        data=gzip.compress(b" " * 64 * 2**20),
        headers={"Content-Encoding": "gzip"},
        timeout=30,
    )
    assert reply.status_code == 413


def test_many_large_bodies_at_once_are_refused_by_the_memory_budget(light: Light) -> None:
    before = light.resident_mb
    head = f"POST {INFER} HTTP/1.1\r\nHost: x\r\nContent-Length: {7 * 2**20}\r\n\r\n".encode()
    refused = 0
    with contextlib.ExitStack() as stack:
        peers = [stack.enter_context(connected(light)) for _ in range(24)]
        for peer in peers:
            with contextlib.suppress(OSError):
                peer.sendall(head + b" " * 6 * 2**20)
        for peer in peers:
            with contextlib.suppress(OSError):
                refused += peer.recv(1000).startswith(b"HTTP/1.1 503 ")
        assert light.resident_mb - before < 120
    assert refused >= 8


def test_a_million_chunks_of_one_byte_are_refused(light: Light) -> None:
    """Triton 24.10 crashes on this request."""
    with connected(light) as peer, contextlib.suppress(ConnectionError, TimeoutError):
        peer.sendall(f"POST {INFER} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n".encode())
        peer.sendall(b"1\r\nx\r\n" * 1_000_000 + b"0\r\n\r\n")
        assert peer.recv(1000).startswith((b"HTTP/1.1 400 ", b"HTTP/1.1 413 "))


@pytest.mark.parametrize(
    "sent",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"POST /v2/mod", id="half a line"),
        pytest.param(b"GET /v2 HTTP/1.1\r\nHost: x\r\nX-Slow: ", id="half a header"),
        pytest.param(f"POST {INFER} HTTP/1.1\r\nHost: x\r\nContent-Length: 500\r\n\r\n{{".encode(), id="half a body"),
    ],
)
def test_a_client_that_stalls_is_disconnected(light: Light, sent: bytes) -> None:
    with connected(light) as peer:
        peer.sendall(sent)
        peer.settimeout(DEADLINE + 10)
        started = time.monotonic()
        while peer.recv(1000):
            pass
        assert time.monotonic() - started < DEADLINE + 5


def test_a_client_that_sends_a_byte_at_a_time_is_disconnected(light: Light) -> None:
    started = time.monotonic()
    with connected(light) as peer, contextlib.suppress(ConnectionError):
        peer.sendall(f"POST {INFER} HTTP/1.1\r\nHost: x\r\nContent-Length: 500\r\n\r\n".encode())
        while time.monotonic() - started < DEADLINE + 10:
            peer.sendall(b" ")
            peer.settimeout(0.5)
            with contextlib.suppress(TimeoutError):
                if peer.recv(1000):
                    break
    assert time.monotonic() - started < DEADLINE + 5


def test_a_thousand_idle_connections_do_not_delay_requests(light: Light) -> None:
    with contextlib.ExitStack() as stack:
        for _ in range(1000):
            stack.enter_context(connected(light))
        for _ in range(5):
            assert good(light).elapsed.total_seconds() < 1


@pytest.mark.parametrize(
    "sent",
    [
        pytest.param(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\0" * 100, id="TLS"),
        pytest.param(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", id="HTTP/2"),
        pytest.param(b"GET / HTTP/9.9\r\n\r\n", id="version"),
        pytest.param(b"\r\n" * 1000, id="empty lines"),
        pytest.param(b"GET /" + b"a" * 1_000_000 + b" HTTP/1.1\r\n\r\n", id="a path of a megabyte"),
        pytest.param(b"GET /v2 HTTP/1.1\r\nHost: x\r\n" + b"X: y\r\n" * 100_000 + b"\r\n", id="100,000 headers"),
        pytest.param(
            f"POST {INFER} HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello".encode(),
            id="two lengths",
        ),
        pytest.param(
            f"POST {INFER} HTTP/1.1\r\nHost: x\r\nContent-Length: x\r\n\r\nhello".encode(), id="a length of letters"
        ),
        pytest.param(
            f"POST {INFER} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nhello".encode(),
            id="a bad chunk",
        ),
    ],
)
def test_malformed_http_is_refused(light: Light, sent: bytes) -> None:
    with connected(light) as peer, contextlib.suppress(OSError):
        peer.settimeout(DEADLINE + 10)
        peer.sendall(sent)
        peer.shutdown(socket.SHUT_WR)
        answer = peer.recv(1000)
        assert answer == b"" or answer.startswith((b"HTTP/1.1 4", b"HTTP/1.0 4"))


def connected(light: Light) -> socket.socket:
    host, port = light.http.split(":")
    return socket.create_connection((host, int(port)), timeout=30)
