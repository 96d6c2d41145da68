"""A request with images may be larger than one of text."""

import pytest

from edge_router.asgi.body import BodyTooLargeError
from edge_router.controller.exchange import check_body_size
from edge_router.controller.settings import RequestLimits

LIMITS = RequestLimits(body_bytes=10, image_body_bytes=20)


def test_text_is_refused_where_images_are_not() -> None:
    check_body_size(10, has_images=False, limits=LIMITS)
    check_body_size(11, has_images=True, limits=LIMITS)
    with pytest.raises(BodyTooLargeError, match=r"10 bytes.*EDGE_ROUTER_BODY_BYTES"):
        check_body_size(11, has_images=False, limits=LIMITS)


def test_either_limit_may_be_the_larger_one() -> None:
    assert LIMITS.largest_body_bytes == 20
    assert RequestLimits(body_bytes=30, image_body_bytes=20).largest_body_bytes == 30
