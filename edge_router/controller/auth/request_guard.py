"""ASGI middleware that checks headers before authentication: their number and size, `Host` and `Origin`."""

from collections.abc import Sequence

from edge_router.asgi.types import Application, Receive, Scope, Send
from edge_router.controller.api import error_format_of
from edge_router.controller.auth.allowed_hosts import AllowedHosts
from edge_router.controller.error_response import refusal, request_headers, request_id
from edge_router.errors import ForbiddenError, RequestError, RouterError

MAX_HEADERS = 100
MAX_HEADER_BYTES = 32 * 1024


class HeadersTooLargeError(RequestError):
    status = 431


class RequestGuard:
    """Refuses requests whose headers are too many, too large or not allowed."""

    def __init__(self, app: Application, hosts: AllowedHosts | None) -> None:
        """`hosts`: None allows any name."""
        self._app = app
        self._hosts = hosts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            try:
                self._check(scope["headers"])
            except RouterError as error:
                return await _refuse(error, scope, send)
        await self._app(scope, receive, send)

    def _check(self, headers: Sequence[tuple[bytes, bytes]]) -> None:
        if len(headers) > MAX_HEADERS or sum(len(name) + len(value) for name, value in headers) > MAX_HEADER_BYTES:
            raise HeadersTooLargeError(
                f"the request has more than {MAX_HEADERS} headers, or more than {MAX_HEADER_BYTES} bytes of them"
            )
        hosts = [value for name, value in headers if name == b"host"]
        if len(hosts) != 1:
            raise RequestError(f"the request has {len(hosts)} Host headers; send one")
        if self._hosts is None:
            return
        if not self._hosts.allows(hosts[0]):
            raise ForbiddenError(
                "the name in the Host header is not allowed; use localhost or an address of this machine, or add the "
                "name to EDGE_ROUTER_ALLOWED_HOSTS"
            )
        if not all(self._hosts.allows_origin(value) for name, value in headers if name == b"origin"):
            raise ForbiddenError("the Origin header is not allowed; add its host name to EDGE_ROUTER_ALLOWED_HOSTS")


async def _refuse(error: RouterError, scope: Scope, send: Send) -> None:
    name = request_id(request_headers(scope))
    body = error_format_of(scope["path"]).error(error.status, str(error))
    await refusal(error, body, name, {"connection": "close"}).send(send)
