"""Ollama's address as its own variable gives it, and its models as its own API lists them."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest

from edge_router.controller.api.operation import Operation
from edge_router.controller.config import ollama_discovery
from edge_router.errors import ConfigError


@contextmanager
def answering(body: bytes) -> Iterator[str]:
    class Tags(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200 if self.path == "/api/tags" else 404)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """Tests are quiet."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Tags) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


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


def test_a_wrong_port_is_refused_by_the_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OLLAMA_HOST", "board.local:many")
    with pytest.raises(ConfigError, match="OLLAMA_HOST"):
        ollama_discovery.address()


def test_the_smallest_and_the_largest_model_are_used() -> None:
    sizes = {"gemma3:1b": 815_000_000, "qwen3:0.6b": 523_000_000, "qwen3:4b": 2_600_000_000}
    tags = {"models": [{"name": name, "size": size} for name, size in sizes.items()]}
    with answering(json.dumps(tags).encode()) as url:
        found = ollama_discovery.upstreams(url)
    assert {size: upstream.model for size, upstream in found.items()} == {"small": "qwen3:0.6b", "large": "qwen3:4b"}
    assert found["small"].address(Operation.CHAT) == f"{url}/v1/chat/completions"


@pytest.mark.parametrize("body", [b'{"models": []}', b"{}", b"[]", b"<html>", b'{"models": [{"name": "x"}]}'])
def test_without_a_usable_model_there_is_no_upstream(body: bytes) -> None:
    with answering(body) as url:
        assert ollama_discovery.upstreams(url) == {}


def test_nobody_listening_is_no_upstream(free_port: int) -> None:
    assert ollama_discovery.upstreams(f"http://127.0.0.1:{free_port}") == {}
