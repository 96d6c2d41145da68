"""The quick start: `docker compose -f compose/docker-compose.yaml up` on a machine without Ollama."""

import os
from collections.abc import Iterator

import pytest
import requests

from tests.stack.conftest import COMPOSE, docker_missing, unavailable
from tests.support.compose import LoggedCompose
from tests.support.ports import free_ports

CODE = "Write a Python function that reverses a linked list."


@pytest.fixture(scope="module")
def chat() -> Iterator[str]:
    """The URL of chat completions."""
    if reason := docker_missing():
        unavailable(reason)
    port, closed = free_ports(2)
    variables = {
        "ROUTER_CONTROLLER_PORT": str(port),
        "COMPOSE_PROJECT_NAME": "edge-router-quick-start",
        "OLLAMA_HOST": f"127.0.0.1:{closed}",
    }
    with pytest.MonkeyPatch.context() as patched:
        for name, value in variables.items():
            patched.setenv(name, value)
        with LoggedCompose(COMPOSE, ["docker-compose.yaml"], build=True, wait=True):
            yield f"http://127.0.0.1:{port}/v1/chat/completions"


@pytest.mark.skipif("STACK_URL" in os.environ, reason="a stack that was started elsewhere is not the base file alone")
def test_the_demo_answers_with_the_networks_decision(chat: str) -> None:
    body = {"model": "auto", "messages": [{"role": "user", "content": CODE}]}
    reply = requests.post(chat, json=body, timeout=30)
    assert reply.status_code == 200
    assert reply.headers["x-chosen-classifier"] == "Code Generation"
    assert reply.headers["x-edge-router-upstream"] == "large"
    assert "not a language model" in reply.json()["choices"][0]["message"]["content"]
