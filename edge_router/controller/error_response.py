"""Responses to errors in the format of the client's API, and the request id that they carry."""

import math
import random
import re
from collections.abc import Mapping

import structlog
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from edge_router.asgi.response import SimpleResponse
from edge_router.asgi.types import Scope
from edge_router.contract import REQUEST_ID_HEADER
from edge_router.controller.api import error_format_of
from edge_router.errors import RouterError

FAILED = f"the controller failed on this request; its log names the error by the {REQUEST_ID_HEADER}"

_REQUEST_ID = re.compile(r"[!-~]{1,128}")
"""A request id from a client that is safe in a header and in a log line."""

log = structlog.get_logger()


def request_headers(scope: Scope) -> dict[str, str]:
    """The request's headers, with names in lower case; of repeated ones the last."""
    return {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}


def request_id(headers: Mapping[str, str]) -> str:
    """The client's request id if it is short printable ASCII without spaces, else a new one. `headers`: names in lower
    case."""
    given = headers.get(REQUEST_ID_HEADER)
    return given if given is not None and _REQUEST_ID.fullmatch(given) else f"{random.getrandbits(128):032x}"


def error_headers(error: RouterError) -> dict[str, str]:
    """The headers that belong to this error's status."""
    headers = {}
    if error.retry_after is not None:
        headers["retry-after"] = str(math.ceil(error.retry_after))
    if error.status == 401:
        headers["www-authenticate"] = "Bearer"
    return headers


def refusal(error: RouterError, body: bytes, id_: str, more: Mapping[str, str]) -> SimpleResponse:
    """The response to an error. `body`: the error in the client's format. `id_`: the request id. `more`: headers."""
    headers = {"content-type": "application/json", REQUEST_ID_HEADER: id_, **more, **error_headers(error)}
    return SimpleResponse(error.status, body, headers)


async def router_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, RouterError)
    return _response(request, error.status, str(error), error_headers(error), error.code)


async def http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    message = f"{request.method} {request.url.path}: {error.detail}"
    return _response(request, error.status_code, message, error.headers or {})


async def unexpected_error(request: Request, error: Exception) -> Response:
    """The log names the kind of error. Starlette raises the error again, which ends the connection."""
    headers = {REQUEST_ID_HEADER: request_id(request_headers(request.scope)), "connection": "close"}
    log.error("request failed", request_id=headers[REQUEST_ID_HEADER], error=type(error).__name__)
    return _response(request, 500, FAILED, headers)


def _response(
    request: Request, status: int, message: str, headers: Mapping[str, str], code: str | None = None
) -> Response:
    all_headers = {REQUEST_ID_HEADER: request_id(request_headers(request.scope)), **headers}
    content = error_format_of(request.scope["path"]).error(status, message, code)
    return Response(content, status, all_headers, "application/json")
