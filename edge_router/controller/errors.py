"""The one place where an error becomes an answer in OpenAI's shape: {"error": {"message", "type", "param", "code"}}."""

from collections.abc import Mapping

import orjson
import structlog
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from edge_router.controller.signals.request_id import REQUEST_ID, request_id
from edge_router.errors import RouterError

log = structlog.get_logger()

TYPES = {
    400: "invalid_request_error",
    404: "not_found_error",
    405: "invalid_request_error",
    413: "invalid_request_error",
}


def envelope(status: int, message: str, code: str | None = None) -> bytes:
    kind = TYPES.get(status, "server_error")
    return orjson.dumps({"error": {"message": message, "type": kind, "param": None, "code": code}})


def error_response(
    status: int, message: str, headers: Mapping[str, str] | None = None, code: str | None = None
) -> Response:
    return Response(envelope(status, message, code), status, headers, "application/json")


async def router_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, RouterError)
    return error_response(error.status, str(error), code="not_found" if error.status == 404 else None)


async def http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    message = f"{request.method} {request.url.path}: {error.detail}"
    return error_response(error.status_code, message, error.headers)


async def unexpected_error(request: Request, error: Exception) -> Response:
    """The kind of error is in the log; the client learns that it is not to blame. Starlette raises the error once more,
    which ends the connection; the client is told."""
    name = request_id(request)
    log.error("request failed", request_id=name, error=type(error).__name__)
    message = f"the controller failed on this request; its log names the error by the {REQUEST_ID}"
    return error_response(500, message, {REQUEST_ID: name, "connection": "close"})
