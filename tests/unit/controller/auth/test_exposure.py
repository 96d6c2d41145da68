"""Where keys are needed, and by which names the machine may be asked."""

from pathlib import Path

import pytest

from edge_router.controller.auth.exposure import check_exposed, hosts_asked_for
from edge_router.controller.auth.hosts import Hosts
from edge_router.controller.auth.keys import AccessKeys
from edge_router.errors import ConfigError


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.0.1", "::1", "localhost"])
def test_loopback_needs_no_keys(host: str) -> None:
    check_exposed(host, None, insecure=False)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "", "192.168.1.5", "jetson.local", "localhost.example.com"])
def test_beyond_loopback_needs_keys_or_a_word(host: str, file: Path) -> None:
    with pytest.raises(ConfigError, match=r"EDGE_ROUTER_KEYS.*--insecure"):
        check_exposed(host, None, insecure=False)
    check_exposed(host, None, insecure=True)
    check_exposed(host, AccessKeys(file), insecure=False)


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
def test_a_name_of_the_house_passes(host: str) -> None:
    assert Hosts(["llm.example.com"]).allows(host.encode())


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
def test_a_strangers_name_does_not(host: str) -> None:
    assert not Hosts(["llm.example.com"]).allows(host.encode("latin-1"))


def test_names_are_asked_for_wherever_no_key_is(file: Path) -> None:
    keys = AccessKeys(file)
    assert hosts_asked_for("127.0.0.1", None, [])
    assert hosts_asked_for("127.0.0.1", keys, [])
    assert hosts_asked_for("0.0.0.0", None, [])
    assert hosts_asked_for("0.0.0.0", keys, []) is None
    assert hosts_asked_for("0.0.0.0", keys, ["llm.example.com"])
