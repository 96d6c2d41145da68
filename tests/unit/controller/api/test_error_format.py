"""An error is worded so that every client of the API it came by understands it."""

from typing import Any

import orjson
import pytest

from edge_router.controller.api.error_format import error_format_of
from edge_router.controller.api.operations import PATHS, surfaces
from edge_router.controller.config import TextConfig


@pytest.mark.parametrize("path", PATHS)
def test_an_error_holds_the_message_where_the_apis_clients_look(path: str) -> None:
    error = orjson.loads(surfaces(TextConfig(), frozenset())[path].error(404, "no such model", "model_not_found"))
    if path.startswith("/api/"):
        assert error == {"error": "no such model"}
    else:
        kind = {"message": "no such model", "type": "not_found_error", "param": None, "code": "model_not_found"}
        around = {"type": "error"} if "messages" in path or "responses" in path else {}
        assert error == around | {"error": kind}


@pytest.mark.parametrize(
    ("status", "openai", "anthropic"),
    [
        (400, "invalid_request_error", "invalid_request_error"),
        (401, "authentication_error", "authentication_error"),
        (403, "permission_error", "permission_error"),
        (404, "not_found_error", "not_found_error"),
        (405, "invalid_request_error", "invalid_request_error"),
        (413, "invalid_request_error", "request_too_large"),
        (429, "rate_limit_error", "rate_limit_error"),
        (500, "server_error", "api_error"),
        (502, "server_error", "api_error"),
        (503, "server_error", "overloaded_error"),
        (504, "server_error", "timeout_error"),
    ],
)
def test_the_type_is_a_word_of_the_api(status: int, openai: str, anthropic: str) -> None:
    def kind(path: str) -> Any:
        return orjson.loads(error_format_of(path).error(status, "no"))["error"]["type"]

    assert (kind("/v1/chat/completions"), kind("/v1/messages")) == (openai, anthropic)


@pytest.mark.parametrize(
    ("path", "begin", "end"),
    [
        ("/v1/chat/completions", b'data: {"error":', b"}\n\n"),
        ("/v1/responses", b'event: error\ndata: {"type":"error",', b"}\n\n"),
        ("/v1/messages", b'event: error\ndata: {"type":"error",', b"}\n\n"),
        ("/api/chat", b'{"error":"upstream gone"}', b"}\n"),
    ],
)
def test_a_stream_that_broke_off_ends_with_one_error_of_its_own_kind(path: str, begin: bytes, end: bytes) -> None:
    said = surfaces(TextConfig(), frozenset())[path].stream_error(502, "upstream gone")
    assert said.startswith(begin)
    assert said.endswith(end)
    assert b"upstream gone" in said
    assert b"[DONE]" not in said


def test_an_address_that_is_not_there_answers_as_its_api_would() -> None:
    assert orjson.loads(error_format_of("/api/nowhere").error(404, "not found")) == {"error": "not found"}


@pytest.mark.parametrize("path", ["/v1/nowhere", "/", "/metrics"])
def test_an_address_of_no_api_answers_in_openais_envelope(path: str) -> None:
    error = orjson.loads(error_format_of(path).error(404, "not found"))["error"]
    assert error == {"message": "not found", "type": "not_found_error", "param": None, "code": None}
