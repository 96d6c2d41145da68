"""An upstream with faults. It writes HTTP by hand, so that it can send what no HTTP server would."""

import asyncio
import contextlib
import ssl
from collections import deque
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass, field
from enum import Enum
from typing import TypeAlias

import msgspec


class Then(Enum):
    """The step after the bytes sent so far. Without one of these the connection is closed."""

    SILENCE = "nothing, until the client disconnects"
    RESET = "the connection is reset"
    KEEP = "the next request on the same connection"


Script: TypeAlias = Iterable[bytes | float | Then]
"""Bytes to send, seconds to wait, and how it ends."""


def reply(
    body: bytes, status: str = "200 OK", *headers: str, kind: str = "application/json", length: int | None = None
) -> bytes:
    """A whole answer. `length`: the content-length, if it is not that of the body."""
    lines = [
        f"HTTP/1.1 {status}",
        f"content-type: {kind}",
        f"content-length: {len(body) if length is None else length}",
    ]
    return "\r\n".join([*lines, *headers, "", ""]).encode() + body


def chunked(*pieces: bytes, kind: str = "text/event-stream", end: bool = True) -> list[bytes]:
    """An answer in chunks, each written separately."""
    head = f"HTTP/1.1 200 OK\r\ncontent-type: {kind}\r\ntransfer-encoding: chunked\r\n\r\n".encode()
    return [head, *(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces), *([b"0\r\n\r\n"] if end else [])]


def chunk(text: str | None = None, finish: str | None = None, **more: object) -> bytes:
    """One event of a chat's stream."""
    delta = {"role": "assistant", "content": ""} if text is None and finish is None else {"content": text or ""}
    choices = [{"index": 0, "delta": delta, "finish_reason": finish}]
    content = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": choices}
    return b"data: " + msgspec.json.encode(content | more) + b"\n\n"


COMPLETION = msgspec.json.encode(
    {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1,
        "model": "m",
        "choices": [{"index": 0, "message": {"role": "assistant", "content": "good day"}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5},
    }
)
DONE = b"data: [DONE]\n\n"
STREAM = (chunk(), chunk("good "), chunk("day"), chunk(finish="stop"), DONE)
GOOD: Script = (reply(COMPLETION), Then.KEEP)
GOOD_STREAM: Script = (*chunked(*STREAM), Then.KEEP)


DRIP: Script = [b"HTTP/1.1 200 OK\r\n", *(part for _ in range(20) for part in (b"x-a: b\r\n", 0.1))]
FLOOD: Script = [part for _ in range(20) for part in (b"HTTP/1.1 102 Processing\r\n\r\n" * 100, 0.1)]
PINGS: Script = [*chunked(end=False), *(part for _ in range(6) for part in (b"8\r\n: ping\n\n\r\n", 0.1)), Then.SILENCE]


@dataclass
class ReceivedRequest:
    head: bytes
    body: bytes
    connection: int


@dataclass
class FaultyUpstream:
    """Answers the next requests by `scripts`, later ones by `script`, and without a fault if there is no script."""

    script: Script | None = None
    scripts: deque[Script] = field(default_factory=deque)
    requests: list[ReceivedRequest] = field(default_factory=list)
    disconnected: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when the client disconnects during an answer."""
    received: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when a request has arrived."""
    is_up: bool = True
    """False: health probes are cut off."""
    probe_answer: bytes = reply(b"{}")
    probed: asyncio.Event = field(default_factory=asyncio.Event)
    port: int = 0
    connections: int = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            await self._serve(reader, writer, self.connections)
        except (ConnectionError, asyncio.IncompleteReadError):
            self.disconnected.set()
        finally:
            writer.close()
            with contextlib.suppress(ConnectionError, ssl.SSLError):
                await writer.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, connection: int) -> None:
        keep = True
        while keep:
            head = await reader.readuntil(b"\r\n\r\n")
            if head.startswith(b"GET "):  # a health probe
                if not self.is_up:
                    writer.transport.abort()
                    return
                writer.write(self.probe_answer)
                self.probed.set()
                continue
            lengths = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
            body = await reader.readexactly(int(lengths[0].partition(b":")[2]))
            self.requests.append(ReceivedRequest(head, body, connection))
            self.received.set()
            keep = await self._play(self._next(body), reader, writer)

    def _next(self, body: bytes) -> Script:
        if self.scripts:
            return self.scripts.popleft()
        if self.script is not None:
            return self.script
        return GOOD_STREAM if msgspec.json.decode(body).get("stream") else GOOD

    async def _play(self, script: Script, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """Returns True if the connection is kept for another request."""
        for step in script:
            if isinstance(step, bytes):
                writer.write(step)
                await writer.drain()
                await asyncio.sleep(0)
            elif step is Then.SILENCE:
                await reader.read()
                self.disconnected.set()
            elif step is Then.RESET:
                writer.transport.abort()
            elif step is Then.KEEP:
                return True
            else:
                await asyncio.sleep(step)
        return False


@contextlib.asynccontextmanager
async def serving(upstream: FaultyUpstream, tls: ssl.SSLContext | None = None) -> AsyncIterator[FaultyUpstream]:
    handlers: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        handlers.add(task)
        try:
            await upstream.serve(reader, writer)
        except asyncio.CancelledError:
            writer.transport.abort()
        finally:
            handlers.discard(task)

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=tls, limit=2**20)
    upstream.port = server.sockets[0].getsockname()[1]
    try:
        yield upstream
    finally:
        server.close()
        for task in list(handlers):
            task.cancel()
        await asyncio.gather(*handlers, return_exceptions=True)
