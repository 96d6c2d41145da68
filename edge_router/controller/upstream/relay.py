"""Sends an upstream's answer to the client: head with the router's own headers, body, end."""

import re
import time
from collections.abc import Sequence

from edge_router.asgi.disconnect import ClientDisconnectedError
from edge_router.asgi.types import Send
from edge_router.contract import CHOSEN_CLASSIFIER_HEADER, DECISION_HEADER_PREFIX, REQUEST_ID_HEADER
from edge_router.controller.api import EVENT_STREAM, ErrorFormat
from edge_router.controller.routing import Plan, header_value
from edge_router.controller.upstream.deadline import DeadlineTimer
from edge_router.controller.upstream.errors import UpstreamError
from edge_router.controller.upstream.report import ForwardingReport, Outcome
from edge_router.controller.upstream.response import UpstreamResponse
from edge_router.controller.upstream.stream_detection import PARSERS

ATTEMPTS_HEADER = f"{DECISION_HEADER_PREFIX}attempts"
FALLBACK_HEADER = f"{DECISION_HEADER_PREFIX}fallback"
HOP_BY_HOP = frozenset(
    (b"connection", b"keep-alive", b"proxy-authenticate", b"proxy-authorization", b"proxy-connection", b"te",
     b"trailer", b"transfer-encoding", b"upgrade")
)  # fmt: skip
"""Headers of one connection, not of the answer (RFC 9110, section 7.6.1)."""
OWN = frozenset((CHOSEN_CLASSIFIER_HEADER.lower().encode(), REQUEST_ID_HEADER.encode()))
"""Headers that only this router sets, as all with DECISION_HEADER_PREFIX: an upstream may be such a router too."""
NOT_RELAYED = HOP_BY_HOP | OWN | {b"server", b"date", b"set-cookie", b"alt-svc", b"content-length", b"content-encoding"}
_PREFIX = DECISION_HEADER_PREFIX.encode()
_VALUE = re.compile(rb"[\t\x20-\x7e\x80-\xff]*")


class ResponseRelay:
    """Sends the answer of one upstream to the client, and reports on it."""

    def __init__(
        self,
        send: Send,
        plan: Plan,
        error_format: ErrorFormat,
        request_id: str,
        report: ForwardingReport,
        timer: DeadlineTimer,
    ) -> None:
        self.report = report
        self._send = send
        self._plan = plan
        self._error_format = error_format
        self._request_id = request_id
        self._timer = timer
        self._content_type = ""
        self._last_bytes = b""
        self._idle_seconds = 0.0

    @property
    def started(self) -> bool:
        """True once the client has a response head: no other upstream can answer from then on."""
        return self.report.answered_at is not None

    async def start(
        self, response: UpstreamResponse, content_type: str | None = None, length: int | None = None
    ) -> None:
        """Sends the head. `content_type`: that of a translated answer."""
        endpoint, report = response.endpoint, self.report
        endpoint.response_started()
        report.upstream, report.model, report.status = endpoint.name, endpoint.config.model, response.status
        report.answered_at = time.perf_counter()
        self._idle_seconds = endpoint.idle_seconds
        self._content_type = content_type or response.content_type
        own = self._own_headers(endpoint.name, endpoint.config.model)
        if content_type is not None:
            own["content-type"] = content_type
        if length is not None:
            own["content-length"] = str(length)
        headers = relayed_headers(response.headers, with_type=content_type is None)
        headers += [(name.lower().encode(), value.encode("latin-1", "replace")) for name, value in own.items()]
        await self._send({"type": "http.response.start", "status": response.status, "headers": headers})

    async def send_chunk(self, body: bytes, *, more: bool) -> None:
        """Raises ClientDisconnectedError if the client stops reading: a stalled client must not occupy an upstream."""
        self._last_bytes = body[-2:] if len(body) > 1 else self._last_bytes[-1:] + body
        try:
            with self._timer.until(self._timer.now() + self._idle_seconds):
                await self._send({"type": "http.response.body", "body": body, "more_body": more})
        except TimeoutError:
            raise ClientDisconnectedError("the client does not read its answer") from None

    async def finish(self, body: bytes = b"") -> None:
        """Sends the last part of the body."""
        await self.send_chunk(body, more=False)
        self.report.outcome = Outcome.ANSWERED

    async def send_whole(self, response: UpstreamResponse, body: bytes, content_type: str | None = None) -> None:
        await self.start(response, content_type, len(body))
        await self.finish(body)

    async def interrupt(self, failure: UpstreamError) -> None:
        """Ends a started stream with an error in the client's API.

        Raises ConnectionAbortedError for any other answer: only a closed connection tells the client that it is not
        complete.
        """
        self.report.outcome = Outcome.STREAM_INTERRUPTED
        self.report.error = type(failure).__name__
        if self._content_type not in PARSERS:
            raise ConnectionAbortedError(str(failure))
        separator = b"\n\n" if self._content_type == EVENT_STREAM else b"\n"
        end = b"" if self._last_bytes.endswith(separator) else separator
        error = self._error_format.stream_error(failure.status, f"{failure}; see /health/ready")
        await self.send_chunk(end + error, more=False)

    def _own_headers(self, upstream: str, model: str) -> dict[str, str]:
        headers = {**self._plan.headers(upstream, model), REQUEST_ID_HEADER: self._request_id}
        if self.report.attempts > 1:
            headers[ATTEMPTS_HEADER] = str(self.report.attempts)
        if self.report.fallback:
            headers[FALLBACK_HEADER] = header_value(self.report.fallback)
        return headers


def relayed_headers(headers: Sequence[tuple[bytes, bytes]], *, with_type: bool) -> list[tuple[bytes, bytes]]:
    """The upstream's headers that describe its answer."""
    lower = [(name.lower(), value) for name, value in headers]
    dropped = {word.strip().lower() for name, value in lower if name == b"connection" for word in value.split(b",")}
    if not with_type:
        dropped.add(b"content-type")
    return [
        (name, value)
        for name, value in lower
        if name not in NOT_RELAYED and name not in dropped and not name.startswith(_PREFIX) and _VALUE.fullmatch(value)
    ]
