"""One upstream asked once: the head of its answer, and the body piece by piece, each within its time."""

import io
import math
from collections.abc import Mapping
from typing import Any

import aiohttp

from edge_router.controller.asked import Outgoing
from edge_router.controller.upstreams.failure import UpstreamError, by_status
from edge_router.controller.upstreams.link import Link
from edge_router.controller.upstreams.patience import Patience

PLAIN_BYTES = 2**20
"""aiohttp sends a larger body in pieces where it is a file."""
DECODED = frozenset(("", "identity", "gzip", "deflate"))
"""Content encodings that aiohttp undoes. Nobody asked for one."""

SILENT = "fell silent in the middle of its answer"


class Reply:
    """An upstream's answer. `close` it in any case."""

    def __init__(self, link: Link, response: aiohttp.ClientResponse, ends: float, patience: Patience) -> None:
        """`ends`: by the clock of `patience`; the whole answer must be there by then."""
        self.link = link
        self.status = response.status
        self.content_type = response.content_type
        self.headers = response.raw_headers
        self._response = response
        self._ends = ends
        self._patience = patience

    async def piece(self) -> bytes:
        """The next bytes of the body; none at its end. Raises UpstreamError when it breaks off or nothing comes."""
        until = min(self._patience.now() + self.link.idle_seconds, self._ends)
        try:
            with self._patience.until(until):
                return await self._response.content.readany()
        except TimeoutError:
            late = self._patience.now() >= self._ends
            reason = f"had not finished its answer after {self.link.total_seconds:g} s" if late else SILENT
            raise self.failure(reason, 504) from None
        except (aiohttp.ClientError, aiohttp.http_exceptions.HttpProcessingError, OSError):
            raise self.failure("broke off in the middle of its answer") from None

    def failure(self, reason: str, status: int = 502) -> UpstreamError:
        return UpstreamError(self.link.name, reason, status)

    def close(self) -> None:
        """A body that was not read to its end ends its connection."""
        self._response.release()


async def ask(
    session: aiohttp.ClientSession, link: Link, outgoing: Outgoing, headers: Mapping[str, str], patience: Patience
) -> Reply:
    """The head of its answer. Raises UpstreamError."""
    now = patience.now()
    ends = now + (link.total_seconds or math.inf)
    try:
        with patience.until(min(now + link.first_byte_seconds, ends)):
            response = await _post(session, link, outgoing, headers)
    except aiohttp.ClientConnectorCertificateError:
        raise UpstreamError(link.name, "has a certificate that is not trusted", again=False, unreachable=True) from None
    except (aiohttp.ConnectionTimeoutError, aiohttp.ClientConnectorError) as error:
        status = 504 if isinstance(error, TimeoutError) else 502
        raise UpstreamError(link.name, "cannot be reached", status, unreachable=True) from None
    except TimeoutError:
        raise UpstreamError(link.name, "did not answer in time", 504, unreachable=True) from None
    except aiohttp.ClientResponseError:
        raise UpstreamError(link.name, "answered with something that is no HTTP") from None
    except (aiohttp.ClientError, OSError, ValueError):
        raise UpstreamError(link.name, "ended the connection without an answer", unreachable=True) from None
    reply = Reply(link, response, ends, patience)
    if failure := _wrong(link, response):
        reply.close()
        raise failure
    return reply


async def _post(
    session: aiohttp.ClientSession, link: Link, outgoing: Outgoing, headers: Mapping[str, str]
) -> aiohttp.ClientResponse:
    both = link.headers_for(outgoing.operation, headers)
    try:
        return await _send(session, link, outgoing, headers=both)
    except aiohttp.ClientConnectorError:
        raise
    except (aiohttp.ServerDisconnectedError, aiohttp.ClientOSError):
        # Most likely it closed a kept connection just when it was used again. A name given for its certificate keeps
        # this one apart from those that are kept, and changes nothing else.
        fresh = both | {"connection": "close"}
        return await _send(session, link, outgoing, headers=fresh, server_hostname=link.upstream.url.host)


async def _send(session: aiohttp.ClientSession, link: Link, outgoing: Outgoing, **more: Any) -> aiohttp.ClientResponse:
    body = outgoing.body
    return await session.post(
        link.urls[outgoing.operation],
        data=body if len(body) <= PLAIN_BYTES else io.BytesIO(body),
        timeout=link.timeout,
        allow_redirects=False,
        auto_decompress=True,
        **more,
    )


def _wrong(link: Link, response: aiohttp.ClientResponse) -> UpstreamError | None:
    failure = by_status(link.name, response.status, response.headers)
    if failure is None and response.headers.get("content-encoding", "").lower() not in DECODED:
        failure = UpstreamError(link.name, "answered in an encoding that nobody asked for", again=False)
    return failure
