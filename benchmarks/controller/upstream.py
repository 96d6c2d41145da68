"""An upstream that responds from memory, several times faster than any relay. Run as a module it listens on a port."""

import asyncio
import re
import sys
from collections.abc import Iterator

import httptools
import uvloop

from benchmarks.controller.traffic import answer, events

STREAM = re.compile(rb'"stream":\s*true')
ANSWER, EVENTS = answer(), events()


class Upstream(asyncio.Protocol):
    """One connection. Each event of a stream is a separate write in a separate iteration of the event loop, so that
    concurrent streams alternate."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        self._transport = transport
        self._parser = httptools.HttpRequestParser(self)
        self._body = b""
        self._loop = asyncio.get_running_loop()

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_body(self, body: bytes) -> None:
        self._body += body

    def on_message_complete(self) -> None:
        if STREAM.search(self._body):
            self._send_next(iter(EVENTS))
        else:
            self._transport.write(ANSWER)
        self._body = b""

    def _send_next(self, remaining: Iterator[bytes]) -> None:
        part = next(remaining, None)
        if part is not None and not self._transport.is_closing():
            self._transport.write(part)
            self._loop.call_soon(self._send_next, remaining)


async def serve(port: int) -> None:
    server = await asyncio.get_running_loop().create_server(Upstream, "127.0.0.1", port)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(serve(int(sys.argv[1])))
