"""An error has the form that clients of the API understand."""

import json
from typing import Any

import pytest

from edge_router.controller.api import PATHS, error_format_of


@pytest.mark.parametrize("path", PATHS)
def test_an_error_holds_the_message_where_the_apis_clients_look(path: str) -> None:
    error = json.loads(PATHS[path].error_format.error(404, "no such model", "model_not_found"))
    if path.startswith("/api/"):
        assert error == {"error": "no such model"}
    else:
        error_object = {"message": "no such model", "type": "not_found_error", "param": None, "code": "model_not_found"}
        outer_fields = {"type": "error"} if "messages" in path or "responses" in path else {}
        assert error == outer_fields | {"error": error_object}


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
def test_the_type_is_one_that_the_api_defines(status: int, openai: str, anthropic: str) -> None:
    def kind(path: str) -> Any:
        return json.loads(error_format_of(path).error(status, "no"))["error"]["type"]

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
def test_a_broken_stream_ends_with_one_error_of_its_api(path: str, begin: bytes, end: bytes) -> None:
    said = PATHS[path].error_format.stream_error(502, "upstream gone")
    assert said.startswith(begin)
    assert said.endswith(end)
    assert b"upstream gone" in said
    assert b"[DONE]" not in said


@pytest.mark.parametrize("path", PATHS)
def test_an_error_has_the_same_form_before_and_after_the_request_is_read(path: str) -> None:
    assert error_format_of(path) is PATHS[path].error_format


@pytest.mark.parametrize(
    ("path", "operation_path"),
    [
        ("/v1/messages/batches", "/v1/messages"),
        ("/v1/responses/1/cancel", "/v1/responses"),
        ("/api/chat/", "/api/chat"),
    ],
)
def test_a_path_below_an_operation_has_its_error_format(path: str, operation_path: str) -> None:
    assert error_format_of(path) is PATHS[operation_path].error_format


def test_an_unknown_path_has_the_error_format_of_its_api() -> None:
    assert json.loads(error_format_of("/api/nowhere").error(404, "not found")) == {"error": "not found"}


@pytest.mark.parametrize("path", ["/v1/nowhere", "/v1/messagesx", "/", "/metrics", ""])
def test_a_path_of_no_api_has_openais_error_format(path: str) -> None:
    error = json.loads(error_format_of(path).error(404, "not found"))["error"]
    assert error == {"message": "not found", "type": "not_found_error", "param": None, "code": None}
