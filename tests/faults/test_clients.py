"""Clients that disconnect, do not read, or come in large numbers: their upstream is released."""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from typing import Any

import aiohttp
import pytest

from tests.faults.conftest import DEADLINE, Address, Start
from tests.faults.test_before_the_first_byte import ask, is_good
from tests.faults.upstream import COMPLETION, FaultyUpstream, Script, Then, chunk, chunked, reply

PATIENT: dict[str, Any] = {"connect_seconds": 30, "first_byte_seconds": 30, "idle_seconds": 30}
WITHIN = 1.5
"""Seconds: one, and what a busy machine takes."""

STAGES: list[tuple[str, bool, Script, bytes]] = [
    ("before the head", False, [Then.SILENCE], b""),
    ("before the head of a stream", True, [Then.SILENCE], b""),
    ("before the first token", True, [*chunked(chunk(), end=False), Then.SILENCE], b""),
    ("in the body", False, [reply(COMPLETION, length=9999), Then.SILENCE], b""),
    ("in the stream", True, [*chunked(chunk("good"), end=False), Then.SILENCE], chunk("good")),
]


async def disconnect(client: aiohttp.ClientSession, stream: bool, received: asyncio.Event, first: bytes) -> None:
    """Sends a request, and disconnects once the upstream has it and the client has read `first`."""
    calling = asyncio.create_task(client.post("/", json={"stream": stream}))
    await asyncio.wait_for(received.wait(), DEADLINE)
    if first:
        reply = await calling
        assert await reply.content.readexactly(len(first)) == first
        reply.close()
    else:
        calling.cancel()


@pytest.mark.parametrize(("stage", "stream", "script", "first"), STAGES, ids=[stage[0] for stage in STAGES])
async def test_a_client_that_disconnects_ends_the_upstreams_request(
    start: Start, upstream: FaultyUpstream, stage: str, stream: bool, script: Script, first: bytes
) -> None:
    address, client = await start({"first": upstream}, **PATIENT)
    upstream.scripts.append(script)
    await disconnect(client, stream, upstream.received, first)
    await asyncio.wait_for(upstream.disconnected.wait(), WITHIN)
    assert (await address.report()).outcome == "client_disconnected"
    assert address.upstreams.states()["first"].running == 0
    assert is_good((await ask(client))[1], False)


async def test_a_client_that_disconnects_during_the_second_attempt(
    start: Start, upstream: FaultyUpstream, other: FaultyUpstream
) -> None:
    address, client = await start({"first": upstream, "second": other}, **PATIENT)
    upstream.script, other.script = [Then.RESET], [Then.SILENCE]
    await disconnect(client, False, other.received, b"")
    await asyncio.wait_for(other.disconnected.wait(), WITHIN)
    assert (await address.report()).outcome == "client_disconnected"


async def test_a_client_that_disconnects_before_a_retry(start: Start, upstream: FaultyUpstream) -> None:
    address, client = await start({"first": upstream}, **PATIENT)
    upstream.script = [reply(b"", "503 Busy", "retry-after: 4"), Then.KEEP]
    await disconnect(client, False, upstream.received, b"")
    assert (await asyncio.wait_for(address.report(), WITHIN)).outcome == "client_disconnected"
    assert len(upstream.requests) == 1


async def test_a_client_that_leaves_the_queue_frees_its_place(start: Start, upstream: FaultyUpstream) -> None:
    first = {"url": f"http://127.0.0.1:{upstream.port}/v1", "concurrency": 1, "queue": 1}
    address, client = await start({"first": first}, **PATIENT)
    upstream.scripts.append([Then.SILENCE])
    running = asyncio.create_task(client.post("/", json={}))
    await asyncio.wait_for(upstream.received.wait(), DEADLINE)
    waiting = asyncio.create_task(client.post("/", json={}))
    await until(lambda: address.upstreams.states()["first"].waiting == 1)
    waiting.cancel()
    await until(lambda: address.upstreams.states()["first"].waiting == 0)
    last = asyncio.create_task(client.post("/", json={}))
    await until(lambda: address.upstreams.states()["first"].waiting == 1)
    running.cancel()
    answer = await asyncio.wait_for(last, DEADLINE)
    assert is_good(await answer.read(), False)
    assert len(upstream.requests) == 2


async def test_the_report_has_the_time_in_the_queue(start: Start, upstream: FaultyUpstream) -> None:
    """It is empty for a request that did not wait, and known also if the client disconnects in the queue."""
    first = {"url": f"http://127.0.0.1:{upstream.port}/v1", "concurrency": 1, "queue": 2}
    address, client = await start({"first": first}, **PATIENT)
    upstream.scripts.append([0.3, reply(COMPLETION), Then.KEEP])
    running = asyncio.create_task(ask(client))
    await asyncio.wait_for(upstream.received.wait(), DEADLINE)
    waiting, cancelled = (asyncio.create_task(ask(client)) for _ in range(2))
    await until(lambda: address.upstreams.states()["first"].waiting == 2)
    cancelled.cancel()
    await asyncio.gather(running, waiting)
    await until(lambda: len(address.reports) == 3)
    by_outcome = sorted((report.outcome, report.queued_seconds or 0) for report in address.reports)
    (_, at_once), (_, later), (outcome, until_disconnect) = by_outcome
    assert (at_once, outcome) == (0, "client_disconnected")
    assert 0.1 < later < DEADLINE
    assert until_disconnect > 0


@pytest.fixture
async def raw(start: Start, upstream: FaultyUpstream) -> AsyncIterator[tuple[Address, socket.socket]]:
    """A client's socket with a request in progress."""
    address, client = await start({"first": upstream}, **PATIENT)
    loop = asyncio.get_running_loop()
    with socket.socket() as sock:
        sock.setblocking(False)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        await loop.sock_connect(sock, ("127.0.0.1", client._base_url.port))  # type: ignore[union-attr]
        await loop.sock_sendall(sock, b'POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 17\r\n\r\n{"stream": true }')
        yield address, sock


@dataclass
class Endless:
    """An endless script. `sent`: bytes taken from it."""

    sent: int = 0

    def __iter__(self) -> Iterator[bytes]:
        event = chunk("x" * 100_000)
        yield chunked()[0]
        while True:
            self.sent += len(event)
            yield b"%x\r\n%b\r\n" % (len(event), event)


async def test_a_client_that_never_reads_stops_its_upstream_and_takes_no_memory(
    raw: tuple[Address, socket.socket], upstream: FaultyUpstream
) -> None:
    _, sock = raw
    script = Endless()
    upstream.script = script
    await asyncio.wait_for(upstream.received.wait(), DEADLINE)
    before = -1
    async with asyncio.timeout(20):
        while before != script.sent:  # until the client reads no more
            before = script.sent
            await asyncio.sleep(0.5)
    assert script.sent < 64_000_000  # what the kernel holds of two connections
    sock.close()
    await asyncio.wait_for(upstream.disconnected.wait(), WITHIN)


async def test_a_client_that_never_reads_is_given_up(start: Start, upstream: FaultyUpstream) -> None:
    address, client = await start({"first": upstream}, first_byte_seconds=30, idle_seconds=0.5)
    upstream.script = Endless()
    async with client.post("/", json={"stream": True}):
        await asyncio.wait_for(upstream.disconnected.wait(), DEADLINE)
        assert (await address.report()).outcome == "client_disconnected"


async def test_a_client_that_reads_byte_by_byte_gets_everything(
    raw: tuple[Address, socket.socket], upstream: FaultyUpstream
) -> None:
    _, sock = raw
    loop = asyncio.get_running_loop()
    content = bytearray()
    async with asyncio.timeout(20):
        while not content.endswith(b"0\r\n\r\n"):
            content += await loop.sock_recv(sock, 1)
    assert content.count(b"data: ") == 5


async def test_a_client_that_closes_its_half_of_the_connection_is_gone(
    raw: tuple[Address, socket.socket], upstream: FaultyUpstream
) -> None:
    address, sock = raw
    upstream.script = [*chunked(chunk("good"), end=False), Then.SILENCE]
    sock.shutdown(socket.SHUT_WR)
    await asyncio.wait_for(upstream.disconnected.wait(), DEADLINE)
    assert (await address.report()).outcome == "client_disconnected"


async def test_a_client_that_resets_its_connection_is_gone(
    raw: tuple[Address, socket.socket], upstream: FaultyUpstream
) -> None:
    address, sock = raw
    upstream.script = [*chunked(chunk("good"), end=False), Then.SILENCE]
    await asyncio.wait_for(upstream.received.wait(), DEADLINE)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    sock.close()
    await asyncio.wait_for(upstream.disconnected.wait(), WITHIN)
    assert (await address.report()).outcome == "client_disconnected"


async def test_a_thousand_idle_connections_delay_no_request(start: Start, upstream: FaultyUpstream) -> None:
    _, client = await start({"first": upstream}, **PATIENT)
    writers = []
    try:
        for _ in range(1000):
            _, writer = await asyncio.open_connection("127.0.0.1", client._base_url.port)  # type: ignore[union-attr]
            writers.append(writer)
        assert is_good((await ask(client))[1], False)
    finally:
        for writer in writers:
            writer.close()


async def test_two_clients_with_one_request_id_get_an_answer_each(start: Start, upstream: FaultyUpstream) -> None:
    _, client = await start({"first": upstream})
    answers = await asyncio.gather(*(ask(client) for _ in range(2)))
    assert all(is_good(content, False) for _, content in answers)


@pytest.mark.parametrize("others", [False, True])
async def test_a_full_queue_is_reported_at_once(
    start: Start, upstream: FaultyUpstream, other: FaultyUpstream, others: bool
) -> None:
    first = {"url": f"http://127.0.0.1:{upstream.port}/v1", "concurrency": 1, "queue": 0}
    address, client = await start({"first": first, **({"second": other} if others else {})}, **PATIENT)
    upstream.script = [Then.SILENCE]
    running = asyncio.create_task(client.post("/", json={}))
    await asyncio.wait_for(upstream.received.wait(), DEADLINE)
    answer, content = await ask(client)
    if others:
        assert (answer.status, is_good(content, False)) == (200, True)
        assert answer.headers["x-edge-router-fallback"].startswith("first is busy")
    else:
        assert (answer.status, answer.headers["retry-after"]) == (503, "1")
        assert (await address.report()).outcome == "refused"
    running.cancel()


async def test_a_slow_upstream_does_not_delay_a_fast_one(
    start: Start, upstream: FaultyUpstream, other: FaultyUpstream
) -> None:
    """An upstream with all slots taken and a full queue; requests that have another upstream go there."""
    first = {"url": f"http://127.0.0.1:{upstream.port}/v1", "concurrency": 8, "queue": 8}
    address, client = await start({"first": first, "second": other}, **PATIENT)
    upstream.script = [Then.SILENCE]
    hanging = [asyncio.create_task(client.post("/", json={})) for _ in range(16)]
    await until(lambda: address.upstreams.states()["first"][2:] == (8, 8))
    answers = await asyncio.gather(*(ask(client) for _ in range(50)))
    assert all(is_good(content, False) for _, content in answers)
    for task in hanging:
        task.cancel()
    await until(lambda: address.upstreams.states()["first"][2:] == (0, 0))


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(DEADLINE):
        while not condition():
            await asyncio.sleep(0.01)
