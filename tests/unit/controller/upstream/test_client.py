"""What an upstream is sent besides the request: its own key under the name it expects, and what its API asks for."""

import pytest

from edge_router.controller.api import Operation
from edge_router.controller.config import UpstreamConfig
from edge_router.controller.settings import RequestLimits
from edge_router.controller.upstream.client import UpstreamClient


def client(kind: str) -> UpstreamClient:
    upstream = UpstreamConfig.model_validate({"kind": kind, "url": "https://llm.example/v1", "model": "m"})
    return UpstreamClient("large", upstream, "the-key", RequestLimits())


@pytest.mark.parametrize(
    ("kind", "operation", "name", "value"),
    [
        ("openai", Operation.CHAT, "authorization", "Bearer the-key"),
        ("openai", Operation.MESSAGES, "authorization", "Bearer the-key"),
        ("ollama", Operation.OLLAMA_CHAT, "authorization", "Bearer the-key"),
        ("anthropic", Operation.MESSAGES, "x-api-key", "the-key"),
        ("anthropic", Operation.COUNT_TOKENS, "x-api-key", "the-key"),
        ("anthropic", Operation.CHAT, "authorization", "Bearer the-key"),
    ],
)
def test_a_key_stands_where_its_upstream_looks_for_it(kind: str, operation: Operation, name: str, value: str) -> None:
    sent = client(kind).headers_for(operation, {"authorization": "of the client", "x-api-key": "of the client"})
    assert sent[name] == value


@pytest.mark.parametrize(
    ("operation", "given", "version"),
    [
        (Operation.MESSAGES, {}, "2023-06-01"),
        (Operation.MESSAGES, {"anthropic-version": "2099-01-01"}, "2099-01-01"),
        (Operation.CHAT, {}, None),
    ],
)
def test_anthropics_version_is_the_clients_else_the_known_one(
    operation: Operation, given: dict[str, str], version: str | None
) -> None:
    assert client("anthropic").headers_for(operation, given).get("anthropic-version") == version
