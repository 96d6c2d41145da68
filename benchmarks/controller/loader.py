"""Asks an address on loopback: one request after the other, or many at once."""

import asyncio
import time
from collections.abc import Callable
from typing import NamedTuple

import httptools

from benchmarks.controller.traffic import request

PATIENCE = 30
"""Seconds for one answer."""


class BrokenError(Exception):
    """Something else came than the answer that is due."""


class Flood(NamedTuple):
    answers: int
    events: int
    seconds: float


class Client(asyncio.Protocol):
    """One connection that is kept open."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        self._transport = transport
        self._loop = asyncio.get_running_loop()
        self._answer: asyncio.Future[bytes] = self._loop.create_future()

    async def ask(self, content: bytes) -> bytes:
        """The answer's body. Raises BrokenError when its status is not 200, and when the connection ends."""
        self._parser = httptools.HttpResponseParser(self)
        self._pieces: list[bytes] = []
        self._answer = self._loop.create_future()
        self._transport.write(content)
        return await self._answer

    def close(self) -> None:
        self._answer.cancel()
        self._transport.close()

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_body(self, body: bytes) -> None:
        self._pieces.append(body)

    def on_message_complete(self) -> None:
        body, status = b"".join(self._pieces), self._parser.get_status_code()
        if status == 200:
            self._answer.set_result(body)
        else:
            self._answer.set_exception(BrokenError(f"status {status}: {body[:300].decode(errors='replace')}"))

    def connection_lost(self, error: Exception | None) -> None:
        if not self._answer.done():
            self._answer.set_exception(BrokenError("the connection ended before the answer did"))


async def connect(port: int) -> Client:
    _, client = await asyncio.get_running_loop().create_connection(Client, "127.0.0.1", port)
    return client


async def times(port: int, calls: int) -> list[float]:
    """Seconds of each of `calls` requests, one after the other, on one connection."""
    client, content = await connect(port), request(port, stream=False)
    found = []
    async with asyncio.timeout(PATIENCE + calls):
        for _ in range(calls):
            started = time.perf_counter()
            await client.ask(content)
            found.append(time.perf_counter() - started)
    client.close()
    return found


async def flood(port: int, in_flight: int, more: Callable[[], bool], *, stream: bool = False) -> Flood:
    """As many requests at a time, each on its own connection, as long as `more` says so."""
    content = request(port, stream=stream)
    clients = [await connect(port) for _ in range(in_flight)]
    started = time.perf_counter()
    counts = await asyncio.gather(*(_keep_asking(client, content, more, stream) for client in clients))
    seconds = time.perf_counter() - started
    for client in clients:
        client.close()
    return Flood(sum(answers for answers, _ in counts), sum(events for _, events in counts), seconds)


async def _keep_asking(client: Client, content: bytes, more: Callable[[], bool], stream: bool) -> tuple[int, int]:
    """(answers, events in them)."""
    answers = events = 0
    while more():
        async with asyncio.timeout(PATIENCE):
            body = await client.ask(content)
        answers += 1
        if stream:
            if not body.endswith(b"data: [DONE]\n\n"):
                raise BrokenError("a stream ended before it was done")
            events += body.count(b"data: {")
    return answers, events


def until(deadline: float) -> Callable[[], bool]:
    return lambda: time.perf_counter() < deadline


def as_many_as(calls: int) -> Callable[[], bool]:
    left = iter(range(calls))
    return lambda: next(left, None) is not None
