"""One upstream asked once: the head of its answer, and the body piece by piece, each within its time."""

import io
import math
from collections.abc import Mapping
from typing import Any

import aiohttp

from edge_router.controller.api import UpstreamRequest
from edge_router.controller.upstream.client import UpstreamClient
from edge_router.controller.upstream.deadline import DeadlineTimer
from edge_router.controller.upstream.errors import UpstreamError, by_status

PLAIN_BYTES = 2**20
"""aiohttp sends a larger body in pieces where it is a file."""
DECODED = frozenset(("", "identity", "gzip", "deflate"))
"""Content encodings that aiohttp undoes. Nobody asked for one."""

SILENT = "fell silent in the middle of its answer"


class UpstreamResponse:
    """An upstream's answer. `close` it in any case."""

    def __init__(
        self, client: UpstreamClient, response: aiohttp.ClientResponse, ends: float, timer: DeadlineTimer
    ) -> None:
        """`ends`: by the clock of `patience`; the whole answer must be there by then."""
        self.client = client
        self.status = response.status
        self.content_type = response.content_type
        self.headers = response.raw_headers
        self._response = response
        self._ends = ends
        self._timer = timer

    async def piece(self) -> bytes:
        """The next bytes of the body; none at its end. Raises UpstreamError when it breaks off or nothing comes."""
        until = min(self._timer.now() + self.client.idle_seconds, self._ends)
        try:
            with self._timer.until(until):
                return await self._response.content.readany()
        except TimeoutError:
            late = self._timer.now() >= self._ends
            reason = f"had not finished its answer after {self.client.total_seconds:g} s" if late else SILENT
            raise self.failure(reason, 504) from None
        except (aiohttp.ClientError, aiohttp.http_exceptions.HttpProcessingError, OSError):
            raise self.failure("broke off in the middle of its answer") from None

    def failure(self, reason: str, status: int = 502) -> UpstreamError:
        return UpstreamError(self.client.name, reason, status)

    def close(self) -> None:
        """A body that was not read to its end ends its connection."""
        self._response.release()


async def send_request(
    session: aiohttp.ClientSession,
    client: UpstreamClient,
    to_upstream: UpstreamRequest,
    headers: Mapping[str, str],
    timer: DeadlineTimer,
) -> UpstreamResponse:
    """The head of its answer. Raises UpstreamError."""
    now = timer.now()
    ends = now + (client.total_seconds or math.inf)
    try:
        with timer.until(min(now + client.first_byte_seconds, ends)):
            response = await _post(session, client, to_upstream, headers)
    except aiohttp.ClientConnectorCertificateError:
        raise UpstreamError(
            client.name, "has a certificate that is not trusted", retryable=False, unreachable=True
        ) from None
    except (aiohttp.ConnectionTimeoutError, aiohttp.ClientConnectorError) as error:
        status = 504 if isinstance(error, TimeoutError) else 502
        raise UpstreamError(client.name, "cannot be reached", status, unreachable=True) from None
    except TimeoutError:
        raise UpstreamError(client.name, "did not answer in time", 504, unreachable=True) from None
    except aiohttp.ClientResponseError:
        raise UpstreamError(client.name, "answered with something that is no HTTP") from None
    except (aiohttp.ClientError, OSError, ValueError):
        raise UpstreamError(client.name, "ended the connection without an answer", unreachable=True) from None
    reply = UpstreamResponse(client, response, ends, timer)
    if failure := _wrong(client, response):
        reply.close()
        raise failure
    return reply


async def _post(
    session: aiohttp.ClientSession, client: UpstreamClient, to_upstream: UpstreamRequest, headers: Mapping[str, str]
) -> aiohttp.ClientResponse:
    both = client.headers_for(to_upstream.operation, headers)
    try:
        return await _send(session, client, to_upstream, headers=both)
    except aiohttp.ClientConnectorError:
        raise
    except (aiohttp.ServerDisconnectedError, aiohttp.ClientOSError):
        # Most likely it closed a kept connection just when it was used again. A name given for its certificate keeps
        # this one apart from those that are kept, and changes nothing else.
        fresh = both | {"connection": "close"}
        return await _send(session, client, to_upstream, headers=fresh, server_hostname=client.upstream.url.host)


async def _send(
    session: aiohttp.ClientSession, client: UpstreamClient, to_upstream: UpstreamRequest, **more: Any
) -> aiohttp.ClientResponse:
    body = to_upstream.body
    return await session.post(
        client.urls[to_upstream.operation],
        data=body if len(body) <= PLAIN_BYTES else io.BytesIO(body),
        timeout=client.timeout,
        allow_redirects=False,
        auto_decompress=True,
        **more,
    )


def _wrong(client: UpstreamClient, response: aiohttp.ClientResponse) -> UpstreamError | None:
    failure = by_status(client.name, response.status, response.headers)
    if failure is None and response.headers.get("content-encoding", "").lower() not in DECODED:
        failure = UpstreamError(client.name, "answered in an encoding that nobody asked for", retryable=False)
    return failure
