"""Sends one request to one upstream and reads its response, head and chunks, each within a time limit."""

import io
import math
from collections.abc import Mapping
from typing import Any

import aiohttp

from edge_router.controller.api import ResponseTranslation, UpstreamRequest
from edge_router.controller.upstream.deadline import DeadlineTimer
from edge_router.controller.upstream.endpoint import UpstreamEndpoint
from edge_router.controller.upstream.errors import UpstreamError, error_from_status

MAX_BYTES_BODY = 2**20
"""aiohttp sends a larger body in chunks when it is a file object."""
DECODED = frozenset(("", "identity", "gzip", "deflate"))
"""Content encodings that aiohttp decodes. The request asks for none of them but identity."""
INTERRUPTED = "broke off in the middle of its answer"


class UpstreamResponse:
    """The response of one upstream, read chunk by chunk. Must be closed."""

    def __init__(
        self, endpoint: UpstreamEndpoint, response: aiohttp.ClientResponse, deadline: float, timer: DeadlineTimer
    ) -> None:
        """`deadline`: reading of the timer's clock by which the whole answer must have come."""
        self.endpoint = endpoint
        self.status = response.status
        self.content_type = response.content_type
        self.headers = response.raw_headers
        self._response = response
        self._deadline = deadline
        self._timer = timer

    async def read_chunk(self) -> bytes:
        """The next bytes of the body; empty at its end. Raises UpstreamError if it breaks off or pauses too long."""
        until = min(self._timer.now() + self.endpoint.idle_seconds, self._deadline)
        try:
            with self._timer.until(until):
                return await self._response.content.readany()
        except TimeoutError:
            if self._timer.now() >= self._deadline:
                reason = f"had not finished its answer after {self.endpoint.total_seconds:g} s"
            else:
                reason = "fell silent in the middle of its answer"
            raise self.failure(reason, 504) from None
        except (aiohttp.ClientError, aiohttp.http_exceptions.HttpProcessingError, OSError):
            raise self.failure(INTERRUPTED) from None

    def failure(self, reason: str, status: int = 502) -> UpstreamError:
        return UpstreamError(self.endpoint.name, reason, status)

    def close(self) -> None:
        """Ends the connection when the body was not read to its end."""
        self._response.release()


async def send_request(
    session: aiohttp.ClientSession,
    endpoint: UpstreamEndpoint,
    request: UpstreamRequest,
    headers: Mapping[str, str],
    timer: DeadlineTimer,
) -> UpstreamResponse:
    """Sends the request and waits for the response head. Raises UpstreamError."""
    now = timer.now()
    deadline = now + (endpoint.total_seconds or math.inf)
    try:
        with timer.until(min(now + endpoint.first_byte_seconds, deadline)):
            response = await _post(session, endpoint, request, headers)
    except aiohttp.ClientConnectorCertificateError:
        reason = "has a certificate that is not trusted"
        raise UpstreamError(endpoint.name, reason, retryable=False, unreachable=True) from None
    except (aiohttp.ConnectionTimeoutError, aiohttp.ClientConnectorError) as error:
        status = 504 if isinstance(error, TimeoutError) else 502
        raise UpstreamError(endpoint.name, "cannot be reached", status, unreachable=True) from None
    except TimeoutError:
        raise UpstreamError(endpoint.name, "did not answer in time", 504, unreachable=True) from None
    except aiohttp.ClientResponseError:
        raise UpstreamError(endpoint.name, "answered with something that is not HTTP") from None
    except (aiohttp.ClientError, OSError, ValueError):
        raise UpstreamError(endpoint.name, "ended the connection without an answer", unreachable=True) from None
    answer = UpstreamResponse(endpoint, response, deadline, timer)
    if failure := _failure(endpoint, response):
        answer.close()
        raise failure
    return answer


async def _post(
    session: aiohttp.ClientSession, endpoint: UpstreamEndpoint, request: UpstreamRequest, headers: Mapping[str, str]
) -> aiohttp.ClientResponse:
    all_headers = endpoint.request_headers(request.operation, headers)
    try:
        return await _send(session, endpoint, request, headers=all_headers)
    except aiohttp.ClientConnectorError:
        raise
    except (aiohttp.ServerDisconnectedError, aiohttp.ClientOSError):
        # Most likely the upstream closed an idle connection just when it was used again. `server_hostname` changes
        # aiohttp's key of the connection and nothing else, so that the request gets a new connection.
        fresh = all_headers | {"connection": "close"}
        return await _send(session, endpoint, request, headers=fresh, server_hostname=endpoint.config.url.host)


async def _send(
    session: aiohttp.ClientSession, endpoint: UpstreamEndpoint, request: UpstreamRequest, **options: Any
) -> aiohttp.ClientResponse:
    body = request.body
    return await session.post(
        endpoint.urls[request.operation],
        data=body if len(body) <= MAX_BYTES_BODY else io.BytesIO(body),
        timeout=endpoint.timeout,
        allow_redirects=False,
        auto_decompress=True,
        **options,
    )


def _failure(endpoint: UpstreamEndpoint, response: aiohttp.ClientResponse) -> UpstreamError | None:
    failure = error_from_status(endpoint.name, response.status, response.headers)
    if failure is None and response.headers.get("content-encoding", "").lower() not in DECODED:
        reason = "answered in a content encoding that was not asked for"
        failure = UpstreamError(endpoint.name, reason, retryable=False)
    return failure


UNTRANSLATABLE = "answered with something that cannot be translated"


def translate_chunk(response: UpstreamResponse, translation: ResponseTranslation, chunk: bytes) -> bytes:
    """Translates a chunk. Raises UpstreamError if the answer cannot be translated."""
    try:
        return translation.feed(chunk)
    except ValueError:
        raise response.failure(UNTRANSLATABLE) from None


def translate_end(response: UpstreamResponse, translation: ResponseTranslation) -> bytes:
    """Translates the end of an answer. Raises UpstreamError if the answer cannot be translated."""
    try:
        return translation.end()
    except ValueError:
        raise response.failure(UNTRANSLATABLE) from None
