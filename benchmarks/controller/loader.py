"""A load generator for an address on loopback: one request at a time, or many at once."""

import asyncio
import time
from collections.abc import Callable
from typing import NamedTuple

import httptools

from benchmarks.controller.traffic import request

TIMEOUT_SECONDS = 30
"""Timeout of one response."""


class WrongResponseError(Exception):
    """The response is missing, incomplete or not 200."""


class Flood(NamedTuple):
    """Result of a load test with many requests at once."""

    answers: int
    events: int
    seconds: float


class Client(asyncio.Protocol):
    """An HTTP client with one keep-alive connection."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        self._transport = transport
        self._loop = asyncio.get_running_loop()
        self._response: asyncio.Future[bytes] = self._loop.create_future()

    async def send(self, request: bytes) -> bytes:
        """The response's body. Raises WrongResponseError when its status is not 200 or the connection ends."""
        self._parser = httptools.HttpResponseParser(self)
        self._chunks: list[bytes] = []
        self._response = self._loop.create_future()
        self._transport.write(request)
        return await self._response

    def close(self) -> None:
        self._response.cancel()
        self._transport.close()

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_body(self, body: bytes) -> None:
        self._chunks.append(body)

    def on_message_complete(self) -> None:
        body, status = b"".join(self._chunks), self._parser.get_status_code()
        if status == 200:
            self._response.set_result(body)
        else:
            self._response.set_exception(WrongResponseError(f"status {status}: {body[:300].decode(errors='replace')}"))

    def connection_lost(self, error: Exception | None) -> None:
        if not self._response.done():
            self._response.set_exception(WrongResponseError("the connection ended before the response was complete"))


async def connect(port: int) -> Client:
    _, client = await asyncio.get_running_loop().create_connection(Client, "127.0.0.1", port)
    return client


async def times(port: int, calls: int) -> list[float]:
    """The duration in seconds of each of `calls` requests, sent one at a time on one connection."""
    client, content = await connect(port), request(port, stream=False)
    durations = []
    async with asyncio.timeout(TIMEOUT_SECONDS + calls):
        for _ in range(calls):
            started = time.perf_counter()
            await client.send(content)
            durations.append(time.perf_counter() - started)
    client.close()
    return durations


async def flood(port: int, in_flight: int, more: Callable[[], bool], *, stream: bool = False) -> Flood:
    """Keeps `in_flight` requests in flight, each on its own connection, while `more` returns True."""
    content = request(port, stream=stream)
    clients = [await connect(port) for _ in range(in_flight)]
    started = time.perf_counter()
    counts = await asyncio.gather(*(_keep_sending(client, content, more, stream) for client in clients))
    seconds = time.perf_counter() - started
    for client in clients:
        client.close()
    return Flood(sum(answers for answers, _ in counts), sum(events for _, events in counts), seconds)


async def _keep_sending(client: Client, content: bytes, more: Callable[[], bool], stream: bool) -> tuple[int, int]:
    """Returns (responses, events in them)."""
    answers = events = 0
    while more():
        async with asyncio.timeout(TIMEOUT_SECONDS):
            body = await client.send(content)
        answers += 1
        if stream:
            if not body.endswith(b"data: [DONE]\n\n"):
                raise WrongResponseError("a stream ended without [DONE]")
            events += body.count(b"data: {")
    return answers, events


def until(deadline: float) -> Callable[[], bool]:
    return lambda: time.perf_counter() < deadline


def for_calls(calls: int) -> Callable[[], bool]:
    left = iter(range(calls))
    return lambda: next(left, None) is not None
