"""The host names that requests may have."""

import pytest

from edge_router.controller.auth import AllowedHosts, allowed_hosts


@pytest.mark.parametrize(
    "host",
    [
        "localhost",
        "LOCALHOST:8084",
        "localhost.",
        "127.0.0.1:8084",
        "[::1]:8084",
        "chat.localhost",
        "192.168.1.5",
        "100.64.3.2:8084",
        "router-controller:8084",
        "jetson.local",
        "host.docker.internal:8084",
        "llm.example.com",
        "LLM.example.com:443",
    ],
)
def test_a_name_of_the_local_network_is_allowed(host: str) -> None:
    assert AllowedHosts(["llm.example.com"]).allows(host.encode())


@pytest.mark.parametrize(
    "host",
    [
        "",
        "example.com",
        "localhost.example.com",
        "127.0.0.1.nip.io",
        "8.8.8.8",
        "[2001:4860:4860::8888]:80",
        "evil.example.com:8084",
        "mylocalhost.evil",
        "localhost:8084:1",
        "localhost:x",
        "a@localhost",
        "localhost/x",
        "[::1",
        "[localhost]@evil.com",
        "\xe4.example.com",
    ],
)
def test_another_name_is_not_allowed(host: str) -> None:
    assert not AllowedHosts(["llm.example.com"]).allows(host.encode("latin-1"))


def test_host_names_are_limited_wherever_no_key_is_needed() -> None:
    assert allowed_hosts("127.0.0.1", [], has_keys=False)
    assert allowed_hosts("127.0.0.1", [], has_keys=True)
    assert allowed_hosts("0.0.0.0", [], has_keys=False)
    assert allowed_hosts("0.0.0.0", [], has_keys=True) is None
    assert allowed_hosts("0.0.0.0", ["llm.example.com"], has_keys=True)
