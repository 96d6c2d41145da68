"""Checks before the start: where access keys are needed."""

import pytest

from edge_router.controller.server import check_exposure
from edge_router.errors import ConfigError


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.0.1", "::1", "localhost"])
def test_loopback_needs_no_keys(host: str) -> None:
    check_exposure(host, has_keys=False, insecure=False)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "", "192.168.1.5", "jetson.local", "localhost.example.com"])
def test_beyond_loopback_needs_keys_or_the_insecure_option(host: str) -> None:
    with pytest.raises(ConfigError, match=r"EDGE_ROUTER_KEYS.*--insecure"):
        check_exposure(host, has_keys=False, insecure=False)
    check_exposure(host, has_keys=False, insecure=True)
    check_exposure(host, has_keys=True, insecure=False)
