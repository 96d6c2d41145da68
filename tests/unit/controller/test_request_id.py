"""The name of one request."""

import pytest

from edge_router.controller.error_response import request_id


@pytest.mark.parametrize("given", ["a", "req-1/2:3", "x" * 128])
def test_a_clients_own_word_is_kept(given: str) -> None:
    assert request_id({"x-request-id": given}) == given


@pytest.mark.parametrize("given", ["", " ", "a b", "x" * 129, "a\n", "a\r\nb: c", "\x00", "é", "日"])
def test_anything_else_gets_a_name_of_ours(given: str) -> None:
    made = request_id({"x-request-id": given})
    assert made != given
    assert len(made) == 32
    assert made != request_id({})
