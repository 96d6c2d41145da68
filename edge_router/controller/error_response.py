"""An error of what is no model's answer, in the words of the API whose address was asked."""

import math
from collections.abc import Mapping

import structlog
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from edge_router.asgi.response import SimpleResponse
from edge_router.asgi.types import Scope
from edge_router.contract import REQUEST_ID_HEADER
from edge_router.controller.api import error_format_of
from edge_router.controller.telemetry.request_id import request_id
from edge_router.errors import RouterError

FAILED = f"the controller failed on this request; its log names the error by the {REQUEST_ID_HEADER}"

log = structlog.get_logger()


def headers_of(scope: Scope) -> dict[str, str]:
    """By name in lower case; of a name that came twice, the last."""
    return {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}


def said_with(error: RouterError) -> dict[str, str]:
    """Headers that an answer to this error has."""
    headers = {}
    if error.retry_after is not None:
        headers["retry-after"] = str(math.ceil(error.retry_after))
    if error.status == 401:
        headers["www-authenticate"] = "Bearer"
    return headers


def refusal(error: RouterError, body: bytes, name: str, more: Mapping[str, str]) -> SimpleResponse:
    """`body`: the error in the words of the API; `name`: the request's id."""
    headers = {"content-type": "application/json", REQUEST_ID_HEADER: name, **more, **said_with(error)}
    return SimpleResponse(error.status, body, headers)


async def router_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, RouterError)
    return _response(request, error.status, str(error), said_with(error), error.code)


async def http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    message = f"{request.method} {request.url.path}: {error.detail}"
    return _response(request, error.status_code, message, error.headers or {})


async def unexpected_error(request: Request, error: Exception) -> Response:
    """The kind of error is in the log; the client learns that it is not to blame. Starlette raises the error once more,
    which ends the connection; the client is told."""
    headers = {REQUEST_ID_HEADER: request_id(headers_of(request.scope)), "connection": "close"}
    log.error("request failed", request_id=headers[REQUEST_ID_HEADER], error=type(error).__name__)
    return _response(request, 500, FAILED, headers)


def _response(
    request: Request, status: int, message: str, headers: Mapping[str, str], code: str | None = None
) -> Response:
    named = {REQUEST_ID_HEADER: request_id(headers_of(request.scope)), **headers}
    content = error_format_of(request.scope["path"]).error(status, message, code)
    return Response(content, status, named, "application/json")
