"""What is refused before anybody asks who it is: a head that is too large, or that names another host than this one."""

from collections.abc import Sequence

from edge_router.asgi.types import Application, Receive, Scope, Send
from edge_router.controller.api import error_format_of
from edge_router.controller.auth.hosts import Hosts
from edge_router.controller.error_response import refusal, request_headers, request_id
from edge_router.errors import ForbiddenError, RequestError, RouterError

HEADERS = 100
HEADER_BYTES = 32 * 1024


class HeadTooLargeError(RequestError):
    status = 431


class RequestGuard:
    """The ASGI application behind it, for requests that may come in."""

    def __init__(self, app: Application, hosts: Hosts | None) -> None:
        """`hosts`: None lets any name pass; then a key must be asked for."""
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
        if len(headers) > HEADERS or sum(len(name) + len(value) for name, value in headers) > HEADER_BYTES:
            raise HeadTooLargeError(f"more than {HEADERS} headers, or more than {HEADER_BYTES} bytes of them")
        named = [value for name, value in headers if name == b"host"]
        if len(named) != 1:
            raise RequestError(f"{len(named)} Host headers; send one")
        if self._hosts is None:
            return
        if not self._hosts.allows(named[0]):
            raise ForbiddenError(
                "the Host header names no address of this machine; ask by localhost or its own address, or allow the "
                "name in EDGE_ROUTER_ALLOWED_HOSTS"
            )
        if not all(self._hosts.allows_origin(value) for name, value in headers if name == b"origin"):
            raise ForbiddenError(
                "the Origin header names a page of somebody else's; allow its name in EDGE_ROUTER_ALLOWED_HOSTS"
            )


async def _refuse(error: RouterError, scope: Scope, send: Send) -> None:
    name = request_id(request_headers(scope))
    body = error_format_of(scope["path"]).error(error.status, str(error))
    await refusal(error, body, name, {"connection": "close"}).send(send)
