"""One answer relayed from an upstream to a client, byte for byte."""

import asyncio
import contextlib
from collections.abc import Mapping
from dataclasses import dataclass

import aiohttp
import structlog
from starlette.types import Message, Receive, Scope, Send

from edge_router.contract import CHOSEN_CLASSIFIER_HEADER, DECISION_HEADER_PREFIX
from edge_router.controller.errors import envelope
from edge_router.controller.signals.request_id import REQUEST_ID

HOP_BY_HOP = frozenset(
    ("connection", "keep-alive", "proxy-authenticate", "proxy-authorization", "proxy-connection", "te", "trailer",
     "transfer-encoding", "upgrade")
)  # fmt: skip
"""RFC 9110, section 7.6.1: these speak of one connection, not of the answer."""
OURS = {CHOSEN_CLASSIFIER_HEADER.lower(), REQUEST_ID}
"""And all of DECISION_HEADER_PREFIX: what the controller says of itself, even before an upstream that is one too."""
NOT_RELAYED = HOP_BY_HOP | {"server", "date", "set-cookie", "alt-svc"} | OURS
EVENT_STREAM = "text/event-stream"

log = structlog.get_logger()


@dataclass(frozen=True)
class Call:
    """A request to an upstream. `headers` carry the upstream's own key, never the client's."""

    url: str
    body: bytes
    headers: Mapping[str, str]


class Relay:
    """An ASGI response: calls the upstream, passes its answer on as it comes, and lets go of it as soon as the client
    leaves."""

    def __init__(
        self, session: aiohttp.ClientSession, call: Call, headers: Mapping[str, str], facts: dict[str, object]
    ) -> None:
        """`headers` are added to the answer, errors included; `facts` go into the one log line of the request."""
        self._session = session
        self._call = call
        self._headers = headers
        self._facts = facts
        self._started = False
        self._streaming = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        relaying = asyncio.create_task(self._relay(send))
        leaving = asyncio.create_task(_left(receive))
        try:
            await asyncio.wait((relaying, leaving), return_when=asyncio.FIRST_COMPLETED)
            if not relaying.done():
                self._facts["outcome"] = "client left"
        finally:
            for task in (relaying, leaving):
                task.cancel()
            try:
                with contextlib.suppress(asyncio.CancelledError):
                    await relaying
            finally:
                log.info("chat", **self._facts)

    async def _relay(self, send: Send) -> None:
        try:
            async with self._session.post(
                self._call.url, data=self._call.body, headers=self._call.headers, allow_redirects=False
            ) as reply:
                if 300 <= reply.status < 400:
                    raise aiohttp.ClientPayloadError("redirects are not followed")
                await self._start(send, reply)
                async for piece in reply.content.iter_any():
                    await send({"type": "http.response.body", "body": piece, "more_body": True})
            await send({"type": "http.response.body", "body": b""})
            self._facts["outcome"] = "answered"
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            self._facts["outcome"] = f"upstream failed: {type(error).__name__}"
            await self._fail(send, error)

    async def _start(self, send: Send, reply: aiohttp.ClientResponse) -> None:
        self._facts["status"] = reply.status
        self._streaming = reply.content_type == EVENT_STREAM
        theirs = [(name.lower(), value) for name, value in reply.headers.items()]
        await self._send_start(send, reply.status, [(name, value) for name, value in theirs if _relayed(name)])

    async def _send_start(self, send: Send, status: int, headers: list[tuple[str, str]]) -> None:
        both = [*headers, *((name.lower(), value) for name, value in self._headers.items())]
        raw = [(name.encode("latin-1"), value.encode("latin-1", "replace")) for name, value in both]
        self._started = True
        await send({"type": "http.response.start", "status": status, "headers": raw})

    async def _fail(self, send: Send, error: Exception) -> None:
        """Before the first byte: an error of its own. In a stream: one error event and no [DONE]. Else: a cut
        connection."""
        upstream = self._facts["upstream"]
        slow = isinstance(error, TimeoutError)
        message = f"upstream {upstream!r} {'did not answer in time' if slow else 'cannot be reached or broke off'}"
        content = envelope(504 if slow else 502, f"{message}; see /health/ready", "upstream_error")
        if not self._started:
            self._facts["status"] = 504 if slow else 502
            length = ("content-length", str(len(content)))
            await self._send_start(send, 504 if slow else 502, [("content-type", "application/json"), length])
            await send({"type": "http.response.body", "body": content})
        elif self._streaming:
            await send({"type": "http.response.body", "body": b"\n\ndata: " + content + b"\n\n"})
        else:
            raise ConnectionAbortedError("the upstream broke off in the middle of its answer")


def _relayed(name: str) -> bool:
    return name not in NOT_RELAYED and not name.startswith(DECISION_HEADER_PREFIX)


async def _left(receive: Receive) -> None:
    """Returns when the client is gone."""
    message: Message = {"type": ""}
    while message["type"] != "http.disconnect":
        message = await receive()
