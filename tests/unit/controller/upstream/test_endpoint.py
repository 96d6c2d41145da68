"""The headers of a request to an upstream: its own key, and what its API requires."""

import pytest

from edge_router.controller.api import Operation
from edge_router.controller.config import UpstreamConfig
from edge_router.controller.settings import RequestLimits
from edge_router.controller.upstream.endpoint import UpstreamEndpoint


def endpoint(kind: str) -> UpstreamEndpoint:
    upstream = UpstreamConfig.model_validate({"kind": kind, "url": "https://llm.example/v1", "model": "m"})
    return UpstreamEndpoint("large", upstream, "the-key", RequestLimits())


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
def test_the_key_is_in_the_header_that_the_upstream_reads(
    kind: str, operation: Operation, name: str, value: str
) -> None:
    sent = endpoint(kind).request_headers(operation, {"authorization": "of the client", "x-api-key": "of the client"})
    assert sent[name] == value


@pytest.mark.parametrize(
    ("operation", "given", "version"),
    [
        (Operation.MESSAGES, {}, "2023-06-01"),
        (Operation.MESSAGES, {"anthropic-version": "2099-01-01"}, "2099-01-01"),
        (Operation.CHAT, {}, None),
    ],
)
def test_anthropics_version_is_the_clients_or_the_default(
    operation: Operation, given: dict[str, str], version: str | None
) -> None:
    assert endpoint("anthropic").request_headers(operation, given).get("anthropic-version") == version
