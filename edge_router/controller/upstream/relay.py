"""An upstream's answer on its way to the client: held until it is one, then passed on byte for byte."""

import re
import time
from collections.abc import Sequence
from typing import Any

import msgspec

from edge_router.asgi.disconnect import ClientDisconnectedError
from edge_router.asgi.types import Send
from edge_router.contract import CHOSEN_CLASSIFIER_HEADER, DECISION_HEADER_PREFIX, REQUEST_ID_HEADER
from edge_router.controller.api import EVENT_STREAM, ErrorFormat, ResponseTranslation, UpstreamRequest
from edge_router.controller.record import RequestRecord
from edge_router.controller.routing.plan import Plan, header_value
from edge_router.controller.upstream import usage
from edge_router.controller.upstream.deadline import DeadlineTimer
from edge_router.controller.upstream.errors import UpstreamError
from edge_router.controller.upstream.first_token import STREAMS, FirstTokenDetector, NotAnAnswerError
from edge_router.controller.upstream.response import UpstreamResponse
from edge_router.controller.upstream.stream_end import StreamEndDetector

ATTEMPTS = f"{DECISION_HEADER_PREFIX}attempts"
FALLBACK = f"{DECISION_HEADER_PREFIX}fallback"
HOP_BY_HOP = frozenset(
    (b"connection", b"keep-alive", b"proxy-authenticate", b"proxy-authorization", b"proxy-connection", b"te",
     b"trailer", b"transfer-encoding", b"upgrade")
)  # fmt: skip
"""RFC 9110, section 7.6.1: these speak of one connection, not of the answer."""
OURS = frozenset((CHOSEN_CLASSIFIER_HEADER.lower().encode(), REQUEST_ID_HEADER.encode()))
"""And all of DECISION_HEADER_PREFIX: what the controller says of itself, even before an upstream that is one too."""
NOT_RELAYED = (
    HOP_BY_HOP | OURS | {b"server", b"date", b"set-cookie", b"alt-svc", b"content-length", b"content-encoding"}
)
_PREFIX = DECISION_HEADER_PREFIX.encode()
_VALUE = re.compile(rb"[\t\x20-\x7e\x80-\xff]*")

HELD_BYTES = 4 * 2**20
"""Of an answer that is no stream. A larger one is passed on as it comes, and can no longer be asked of somebody
else."""
TRANSLATED_BYTES = 64 * 2**20
"""Of an answer that must be known as a whole to be put into another API's words."""
FIRST_BYTES = 4 * 1024
"""Of a stream. Where its beginning counts tokens, it is in the first event."""
OPENING_BYTES = 256 * 1024
OPENING_SECONDS = 10
"""Clients must hear the pings of an upstream that thinks for long."""

_TOO_LONG = re.compile(
    rb"context_length_exceeded|context[ _](?:length|window|size)|exceed_context_size|prompt is too long", re.IGNORECASE
)
"""How upstreams say that a prompt does not fit."""


class Whole(msgspec.Struct):
    """What is looked for in an answer that is no stream. Decoding it proves that all of it is JSON."""

    id: Any = None
    error: Any = None


class TooLongError(UpstreamError):
    """The prompt does not fit into the model's context. `answer` is the client's where nobody else takes it."""

    def __init__(self, response: UpstreamResponse, answer: bytes) -> None:
        super().__init__(
            response.client.name,
            "says the prompt is too long",
            response.status,
            retryable=False,
            counts_as_failure=False,
        )
        self.response = response
        self.answer = answer


class ResponseRelay:
    """One request's. `started`: the client has the head of an answer, so nobody else can give one any more."""

    def __init__(
        self, plan: Plan, error_format: ErrorFormat, record: RequestRecord, send: Send, timer: DeadlineTimer
    ) -> None:
        self.record = record
        self.timer = timer
        self.started = False
        self._plan = plan
        self._error_format = error_format
        self._send = send
        self._content_type = ""
        self._end = b""
        self._idle_seconds = 0.0

    async def deliver(self, response: UpstreamResponse, to_upstream: UpstreamRequest) -> None:
        """Raises UpstreamError, before or after it has `started`; TooLongError only before."""
        translation = to_upstream.translation() if to_upstream.translation else None
        if response.status >= 400:
            await self._refused(response, translation)
        elif response.content_type in STREAMS:
            await self._stream(response, translation)
        else:
            await self._whole(response, translation)

    async def too_long(self, failure: TooLongError) -> None:
        await self._answer(failure.response, failure.answer)

    async def break_off(self, failure: UpstreamError) -> None:
        """Tells the client of a started answer that there is no more. Raises ConnectionAbortedError where that can only
        be said by a cut connection."""
        self.record.outcome = "broke off"
        self.record.error = type(failure).__name__
        if self._content_type not in STREAMS:
            raise ConnectionAbortedError(str(failure))
        separator = b"\n\n" if self._content_type == EVENT_STREAM else b"\n"
        end = b"" if self._end.endswith(separator) else separator
        await self._send_body(
            end + self._error_format.stream_error(failure.status, f"{failure}; see /health/ready"), False
        )

    async def _refused(self, response: UpstreamResponse, translation: ResponseTranslation | None) -> None:
        """The upstream says that the client is wrong."""
        body, rest = await _held(response, HELD_BYTES)
        if not rest and response.status in (400, 413, 422) and _TOO_LONG.search(body):
            if translation is None:
                raise TooLongError(response, body)
            raise UpstreamError(
                response.client.name, "says the prompt is too long", 400, retryable=False, counts_as_failure=False
            )
        if rest or translation is not None or not _is_json(body):
            reason = f"refused the request with {response.status}"
            raise UpstreamError(response.client.name, reason, response.status, retryable=False, counts_as_failure=False)
        await self._answer(response, body)

    async def _whole(self, response: UpstreamResponse, translation: ResponseTranslation | None) -> None:
        body, rest = await _held(response, HELD_BYTES if translation is None else TRANSLATED_BYTES)
        if not rest:
            _check(response, body)
            usage.count(self.record, body)
            if translation is None:
                await self._answer(response, body)
            else:
                translated = _fed(response, translation, body) + _ended(response, translation)
                await self._answer(response, translated, translation.content_type)
        elif translation is None:
            await self._long(response, body)
        else:
            raise UpstreamError(
                response.client.name, f"answered with more than {TRANSLATED_BYTES} bytes", retryable=False
            )

    async def _answer(self, response: UpstreamResponse, body: bytes, content_type: str | None = None) -> None:
        await self._start(response, content_type, len(body))
        await self._send_body(body, False)
        self.record.outcome = "answered"

    async def _long(self, response: UpstreamResponse, begin: bytes) -> None:
        await self._start(response)
        await self._send_body(begin, True)
        end = StreamEndDetector()
        while piece := await response.piece():
            end.add(piece)
            await self._send_body(piece, True)
        usage.count(self.record, end.content)
        await self._send_body(b"", False)
        self.record.outcome = "answered"

    async def _stream(self, response: UpstreamResponse, translation: ResponseTranslation | None) -> None:
        begin = await _first_piece(response)
        self.record.streamed = True
        end = StreamEndDetector()
        end.add(begin)
        try:
            said = begin if translation is None else _fed(response, translation, begin)
            await self._start(response, translation.content_type if translation else None)
            await self._send_body(said, True)
            while piece := await _next(response, end):
                end.add(piece)
                said = piece if translation is None else _fed(response, translation, piece)
                if said:
                    await self._send_body(said, True)
        finally:
            usage.count(self.record, begin[:FIRST_BYTES])
            usage.count(self.record, end.content)
        if not end.finished:
            raise response.failure("broke off in the middle of its answer")
        await self._send_body(b"" if translation is None else _ended(response, translation), False)
        self.record.outcome = "answered"

    async def _start(
        self, response: UpstreamResponse, content_type: str | None = None, length: int | None = None
    ) -> None:
        client, record = response.client, self.record
        client.began()
        record.upstream, record.model, record.status = client.name, client.upstream.model, response.status
        record.answered_in = record.first_content_in = time.perf_counter() - record.received
        self.started = True
        self._idle_seconds = client.idle_seconds
        ours = {**self._plan.headers(client.name, client.upstream.model), REQUEST_ID_HEADER: record.request_id}
        if record.attempts > 1:
            ours[ATTEMPTS] = str(record.attempts)
        if record.fallback:
            ours[FALLBACK] = header_value(record.fallback)
        if content_type is not None:
            ours["content-type"] = content_type
        if length is not None:
            ours["content-length"] = str(length)
        self._content_type = content_type or response.content_type
        headers = _relayed(response.headers, with_type=content_type is None)
        headers += [(name.lower().encode(), value.encode("latin-1", "replace")) for name, value in ours.items()]
        await self._send({"type": "http.response.start", "status": response.status, "headers": headers})

    async def _send_body(self, body: bytes, more: bool) -> None:
        """Raises ClientLeftError where nobody takes it: who does not read must not keep an upstream from others."""
        self._end = body[-2:] if len(body) > 1 else self._end[-1:] + body
        try:
            with self.timer.until(self.timer.now() + self._idle_seconds):
                await self._send({"type": "http.response.body", "body": body, "more_body": more})
        except TimeoutError:
            raise ClientDisconnectedError("the client does not read its answer") from None


async def _held(response: UpstreamResponse, limit: int) -> tuple[bytes, bool]:
    """The body, and whether more of it is to come than `limit` bytes."""
    pieces: list[bytes] = []
    size = 0
    while piece := await response.piece():
        pieces.append(piece)
        size += len(piece)
        if size > limit:
            return b"".join(pieces), True
    return b"".join(pieces), False


async def _first_piece(response: UpstreamResponse) -> bytes:
    """What comes until something is said, or until it takes too long or too much to hold it back."""
    detector = FirstTokenDetector(response.content_type)
    held = bytearray()
    until = time.perf_counter() + OPENING_SECONDS
    while piece := await response.piece():
        held += piece
        try:
            if detector.feed(piece) or len(held) > OPENING_BYTES or time.perf_counter() > until:
                return bytes(held)
        except NotAnAnswerError as error:
            raise response.failure(f"began its answer with {error}") from None
    raise response.failure("ended its answer before it had begun")


async def _next(response: UpstreamResponse, end: StreamEndDetector) -> bytes:
    """Nothing where it breaks off, or lingers, after its last word."""
    try:
        return await response.piece()
    except UpstreamError:
        if end.closed:
            return b""
        raise


def _check(response: UpstreamResponse, body: bytes) -> None:
    if not body:
        raise response.failure("answered with nothing")
    try:
        whole = msgspec.json.decode(body, type=Whole)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise response.failure("answered with something that is no JSON object") from None
    if whole.error and whole.id is None:
        raise response.failure(f"answered {response.status} with an error")


def _is_json(body: bytes) -> bool:
    try:
        msgspec.json.decode(body, type=msgspec.Raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return False
    return True


def _fed(response: UpstreamResponse, translation: ResponseTranslation, piece: bytes) -> bytes:
    try:
        return translation.feed(piece)
    except ValueError:
        raise response.failure("answered with something that cannot be translated") from None


def _ended(response: UpstreamResponse, translation: ResponseTranslation) -> bytes:
    try:
        return translation.end()
    except ValueError:
        raise response.failure("answered with something that cannot be translated") from None


def _relayed(headers: Sequence[tuple[bytes, bytes]], with_type: bool) -> list[tuple[bytes, bytes]]:
    """The upstream's headers that speak of its answer."""
    theirs = [(name.lower(), value) for name, value in headers]
    dropped = {word.strip().lower() for name, value in theirs if name == b"connection" for word in value.split(b",")}
    if not with_type:
        dropped.add(b"content-type")
    return [
        (name, value)
        for name, value in theirs
        if name not in NOT_RELAYED and name not in dropped and not name.startswith(_PREFIX) and _VALUE.fullmatch(value)
    ]
