"""Ollama's address as its own variable gives it, and its models as its own API lists them."""

import json
from urllib.request import urlopen

import pytest

from edge_router.controller.api import Operation
from edge_router.controller.config import ollama_discovery
from edge_router.errors import ConfigError
from tests.support.fake_ollama import fake_ollama


@pytest.mark.parametrize(
    ("variable", "address"),
    [
        ("", "http://127.0.0.1:11434"),
        ("0.0.0.0", "http://127.0.0.1:11434"),
        ("board.local", "http://board.local:11434"),
        ("board.local:8000", "http://board.local:8000"),
        ("http://board.local:8000/", "http://board.local:8000"),
        ("https://board.local", "https://board.local:443"),
        ("[::]:8000", "http://[::1]:8000"),
        ("[fe80::1]", "http://[fe80::1]:11434"),
    ],
)
def test_the_address_is_read_as_ollama_reads_it(variable: str, address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OLLAMA_HOST", variable)
    assert ollama_discovery.address() == address


@pytest.mark.parametrize(
    ("variable", "address"),
    [
        ("", "http://host.docker.internal:11434"),
        ("0.0.0.0", "http://host.docker.internal:11434"),
        ("127.0.0.1:8000", "http://host.docker.internal:8000"),
        ("http://localhost:8000", "http://host.docker.internal:8000"),
        ("[::]:8000", "http://host.docker.internal:8000"),
        ("board.local", "http://board.local:11434"),
    ],
)
def test_in_a_container_a_loopback_address_means_the_machine(
    variable: str, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OLLAMA_HOST", variable)
    assert ollama_discovery.address("host.docker.internal") == address


def test_an_ollama_of_the_machine_is_local_in_a_container_too(monkeypatch: pytest.MonkeyPatch) -> None:
    machine, tags = "host.docker.internal", b'{"models": [{"name": "qwen3:0.6b", "size": 1}]}'
    with fake_ollama(tags) as url:
        monkeypatch.setattr(ollama_discovery, "urlopen", lambda _, timeout: urlopen(f"{url}/api/tags", timeout=timeout))
        assert ollama_discovery.upstreams(f"http://{machine}:11434", machine)["small"].is_local
        assert not ollama_discovery.upstreams(f"http://{machine}:11434")["small"].is_local


def test_a_wrong_port_is_refused_by_the_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OLLAMA_HOST", "board.local:many")
    with pytest.raises(ConfigError, match="OLLAMA_HOST"):
        ollama_discovery.address()


def test_the_smallest_and_the_largest_model_are_used() -> None:
    sizes = {"gemma3:1b": 815_000_000, "qwen3:0.6b": 523_000_000, "qwen3:4b": 2_600_000_000}
    tags = {"models": [{"name": name, "size": size} for name, size in sizes.items()]}
    with fake_ollama(json.dumps(tags).encode()) as url:
        found = ollama_discovery.upstreams(url)
    assert {size: upstream.model for size, upstream in found.items()} == {"small": "qwen3:0.6b", "large": "qwen3:4b"}
    assert found["small"].address(Operation.CHAT) == f"{url}/v1/chat/completions"


@pytest.mark.parametrize("body", [b'{"models": []}', b"{}", b"[]", b"<html>", b'{"models": [{"name": "x"}]}'])
def test_without_a_usable_model_there_is_no_upstream(body: bytes) -> None:
    with fake_ollama(body) as url:
        assert ollama_discovery.upstreams(url) == {}


def test_nobody_listening_is_no_upstream(free_port: int) -> None:
    assert ollama_discovery.upstreams(f"http://127.0.0.1:{free_port}") == {}
