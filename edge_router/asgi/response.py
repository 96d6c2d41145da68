"""A whole HTTP response, sent at once."""

from collections.abc import Mapping
from typing import NamedTuple

from edge_router.asgi.types import Send


class SimpleResponse(NamedTuple):
    """Status, body and headers of a response without streaming."""

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = {}

    async def send(self, send: Send) -> None:
        headers = {"content-length": str(len(self.body)), **self.headers}
        pairs = [(name.encode(), value.encode()) for name, value in headers.items()]
        await send({"type": "http.response.start", "status": self.status, "headers": pairs})
        await send({"type": "http.response.body", "body": self.body})
