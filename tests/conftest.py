import pytest

from tests.support.ports import free_ports


@pytest.fixture
def free_port() -> int:
    """A TCP port of 127.0.0.1 without a listener."""
    [port] = free_ports(1)
    return port
