"""A minimal relay of uvicorn and aiohttp, the reference for any relay in Python.

It has no limits, deadlines or error handling and does not watch the client. Run as a module it listens on one port and
relays to another.
"""

import sys

import aiohttp
import uvicorn

from edge_router.asgi.types import Receive, Scope, Send


class BareRelay:
    """The relay as an ASGI application."""

    def __init__(self, upstream: str) -> None:
        self._upstream = upstream

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._lifespan(receive, send)
        else:
            await self._relay(scope, receive, send)

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        await receive()
        connector = aiohttp.TCPConnector(limit=0)
        async with aiohttp.ClientSession(connector=connector, auto_decompress=False) as self._session:
            await send({"type": "lifespan.startup.complete"})
            await receive()
        await send({"type": "lifespan.shutdown.complete"})

    async def _relay(self, scope: Scope, receive: Receive, send: Send) -> None:
        body, more = b"", True
        while more:
            message = await receive()
            body, more = body + message["body"], message["more_body"]
        headers = {"content-type": "application/json"}
        async with self._session.post(self._upstream + scope["path"], data=body, headers=headers) as response:
            kept = [pair for pair in response.raw_headers if pair[0].lower() != b"transfer-encoding"]
            await send({"type": "http.response.start", "status": response.status, "headers": kept})
            async for chunk in response.content.iter_any():
                await send({"type": "http.response.body", "body": chunk, "more_body": True})
        await send({"type": "http.response.body", "body": b""})


if __name__ == "__main__":
    port, upstream = sys.argv[1:]
    uvicorn.run(BareRelay(upstream), port=int(port), access_log=False, log_level="critical")
