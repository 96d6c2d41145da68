"""A request with images may be larger than one of text."""

from types import SimpleNamespace
from typing import Any

import pytest

from edge_router.asgi.body import BodyTooLargeError
from edge_router.controller.api import Operation, RequestFeatures
from edge_router.controller.api.openai import ResponseRequest
from edge_router.controller.exchange import check_body_size
from edge_router.controller.settings import RequestLimits
from edge_router.errors import RequestError

LIMITS = RequestLimits(body_bytes=10, image_body_bytes=20)


def given_request(images: bool) -> Any:
    return SimpleNamespace(features=RequestFeatures(images=images))


def test_text_is_refused_where_images_are_not() -> None:
    check_body_size(b"x" * 10, given_request(images=False), LIMITS)
    check_body_size(b"x" * 11, given_request(images=True), LIMITS)
    with pytest.raises(BodyTooLargeError, match=r"10 bytes.*EDGE_ROUTER_BODY_BYTES"):
        check_body_size(b"x" * 11, given_request(images=False), LIMITS)


def test_the_messages_of_a_small_request_are_not_parsed() -> None:
    body = b'{"model": "large", "input": 7}'
    request = ResponseRequest.parse(Operation.RESPONSES, body, frozenset())
    check_body_size(body, request, RequestLimits())
    with pytest.raises(RequestError):
        _ = request.features


def test_either_limit_may_be_the_larger_one() -> None:
    assert LIMITS.largest_body_bytes == 20
    assert RequestLimits(body_bytes=30, image_body_bytes=20).largest_body_bytes == 30
