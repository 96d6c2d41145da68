"""How each API words an error. OpenAI's envelope, {"error": {"message", "type", "param", "code"}}, is a part of all but
Ollama's."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import orjson

TYPES = {
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    429: "rate_limit_error",
}
"""Other refusals are `invalid_request_error`, other failures `server_error`."""
ANTHROPIC_TYPES = TYPES | {
    413: "request_too_large",
    500: "api_error",
    502: "api_error",
    503: "overloaded_error",
    504: "timeout_error",
}


class ErrorFormat(Protocol):
    def error(self, status: int, message: str, code: str | None = None) -> bytes:
        """A body."""
        ...

    def stream_error(self, status: int, message: str) -> bytes:
        """The last thing in a stream, as whole events or lines."""
        ...


@dataclass(frozen=True)
class JsonErrorFormat:
    """`around`: fields beside `error`. `event`: the name of the event that ends a stream, where there is one."""

    types: Mapping[int, str]
    around: Mapping[str, Any]
    event: bytes = b""

    def error(self, status: int, message: str, code: str | None = None) -> bytes:
        kind = self.types.get(status, "server_error" if status >= 500 else "invalid_request_error")
        error = {"message": message, "type": kind, "param": None, "code": code}
        return orjson.dumps({**self.around, "error": error})

    def stream_error(self, status: int, message: str) -> bytes:
        return self.event + b"data: " + self.error(status, message, "upstream_error") + b"\n\n"


class OllamaErrorFormat:
    """Ollama's."""

    def error(self, status: int, message: str, code: str | None = None) -> bytes:
        return orjson.dumps({"error": message})

    def stream_error(self, status: int, message: str) -> bytes:
        return self.error(status, message) + b"\n"


OPENAI = JsonErrorFormat(TYPES, {})
RESPONSES = JsonErrorFormat(TYPES, {"type": "error"}, b"event: error\n")
ANTHROPIC = JsonErrorFormat(ANTHROPIC_TYPES, {"type": "error"}, b"event: error\n")
OLLAMA = OllamaErrorFormat()


def error_format_of(path: str) -> ErrorFormat:
    """Of an address, whether or not anything is there."""
    if path.startswith("/api/"):
        return OLLAMA
    return ANTHROPIC if path.startswith("/v1/messages") else OPENAI
