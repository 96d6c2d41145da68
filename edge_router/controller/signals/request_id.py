"""The name of one request, in the client's reply, the upstream's request and the log."""

import uuid

from starlette.requests import Request

REQUEST_ID = "x-request-id"


def request_id(request: Request) -> str:
    """The client's own, else one made up when it is first asked for."""
    if not hasattr(request.state, "request_id"):
        request.state.request_id = request.headers.get(REQUEST_ID) or uuid.uuid4().hex
    name: str = request.state.request_id
    return name
