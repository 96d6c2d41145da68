"""A request with images may be larger than one of text."""

from types import SimpleNamespace
from typing import Any

import pytest

from edge_router.asgi.body import BodyTooLargeError
from edge_router.controller.api import RequestFeatures
from edge_router.controller.auth.size import check_size, largest
from edge_router.controller.settings import RequestLimits

LIMITS = RequestLimits(body_bytes=10, image_body_bytes=20)


def asked(images: bool) -> Any:
    return SimpleNamespace(features=RequestFeatures(images=images))


def test_text_is_refused_where_images_are_not() -> None:
    check_size(b"x" * 10, asked(images=False), LIMITS)
    check_size(b"x" * 11, asked(images=True), LIMITS)
    with pytest.raises(BodyTooLargeError, match=r"10 bytes.*EDGE_ROUTER_BODY_BYTES"):
        check_size(b"x" * 11, asked(images=False), LIMITS)


def test_either_limit_may_be_the_larger_one() -> None:
    assert largest(LIMITS) == 20
    assert largest(RequestLimits(body_bytes=30, image_body_bytes=20)) == 30
