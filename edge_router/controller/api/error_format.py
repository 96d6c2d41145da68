"""The error formats of the APIs.

All formats but Ollama's contain OpenAI's error object: {"error": {"message", "type", "param", "code"}}.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import msgspec

TYPES = {
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    429: "rate_limit_error",
}
"""`type` by status. Any other status is `invalid_request_error` below 500, and `server_error` from 500 on."""
ANTHROPIC_TYPES = TYPES | {
    413: "request_too_large",
    500: "api_error",
    502: "api_error",
    503: "overloaded_error",
    504: "timeout_error",
}


class ErrorFormat(Protocol):
    def error(self, status: int, message: str, code: str | None = None) -> bytes:
        """The JSON body of an error response."""
        ...

    def stream_error(self, status: int, message: str) -> bytes:
        """The error that ends a stream after its upstream failed, as whole events or lines."""
        ...


@dataclass(frozen=True)
class JsonErrorFormat:
    """OpenAI's error object. `types`: `type` by status. `outer_fields`: fields beside `error`. `event`: the line that
    names the event which ends a stream; empty where events have no names."""

    types: Mapping[int, str]
    outer_fields: Mapping[str, Any]
    event: bytes = b""

    def error(self, status: int, message: str, code: str | None = None) -> bytes:
        error_type = self.types.get(status, "server_error" if status >= 500 else "invalid_request_error")
        error = {"message": message, "type": error_type, "param": None, "code": code}
        return msgspec.json.encode({**self.outer_fields, "error": error})

    def stream_error(self, status: int, message: str) -> bytes:
        return self.event + b"data: " + self.error(status, message, "upstream_error") + b"\n\n"


class OllamaErrorFormat:
    """{"error": message}."""

    def error(self, status: int, message: str, code: str | None = None) -> bytes:
        return msgspec.json.encode({"error": message})

    def stream_error(self, status: int, message: str) -> bytes:
        return self.error(status, message) + b"\n"


OPENAI = JsonErrorFormat(TYPES, {})
RESPONSES = JsonErrorFormat(TYPES, {"type": "error"}, b"event: error\n")
ANTHROPIC = JsonErrorFormat(ANTHROPIC_TYPES, {"type": "error"}, b"event: error\n")
OLLAMA = OllamaErrorFormat()
