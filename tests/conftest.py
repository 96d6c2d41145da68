import pytest

from tests.support.ports import unused_port


@pytest.fixture
def free_port() -> int:
    """A TCP port of 127.0.0.1 without a listener."""
    return unused_port()
