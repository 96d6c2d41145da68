"""The compose stack with the cpu-test layer: started once for the session, or the running one that STACK_URL names.

STACK_LAYER=pi adds that layer: the same tests of the same stack, over the light server.
"""

import os
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import pytest

from tests.support.compose import LoggedCompose
from tests.support.ports import free_ports

COMPOSE = Path(__file__).parents[2] / "compose"
FILES = ["docker-compose.yaml", "docker-compose.cpu-test.yaml"]
LAYER = [f"docker-compose.{layer}.yaml" for layer in os.environ.get("STACK_LAYER", "").split()]
PROJECT = "edge-router-test"
PORTS = ("ROUTER_CONTROLLER_PORT", "ROUTER_SERVER_HTTP_PORT", "ROUTER_SERVER_GRPC_PORT", "ROUTER_SERVER_METRICS_PORT")


@dataclass(frozen=True)
class Stack:
    """Addresses of the stack. `project`: the compose project, None if the stack was not started here."""

    controller: str
    server_http: str
    server_grpc: str
    project: str | None

    @property
    def chat(self) -> str:
        return f"{self.controller}/v1/chat/completions"


@pytest.fixture(scope="session")
def stack() -> Iterator[Stack]:
    if url := os.environ.get("STACK_URL"):
        http = os.environ.get("STACK_SERVER_HTTP", "127.0.0.1:8000")
        yield Stack(url.rstrip("/"), http, os.environ.get("STACK_SERVER_GRPC", "127.0.0.1:8001"), None)
        return
    if reason := docker_missing():
        unavailable(reason)
    ports = dict(zip(PORTS, map(str, free_ports(len(PORTS))), strict=True))
    os.environ.update(ports, COMPOSE_PROJECT_NAME=PROJECT, TESTCONTAINERS_RYUK_DISABLED="true")
    with LoggedCompose(COMPOSE, FILES + LAYER, build=True, wait=True):
        controller, http, grpc, _ = (f"127.0.0.1:{port}" for port in ports.values())
        yield Stack(f"http://{controller}", http, grpc, PROJECT)


def container(engine: Any, stack: Stack, service: str) -> Any:
    """The service's container. Images that Compose built have its labels too, but only containers have a number."""
    labels = [f"com.docker.compose.project={stack.project}", f"com.docker.compose.service={service}"]
    [found] = engine.containers.list(filters={"label": [*labels, "com.docker.compose.container-number=1"]})
    return found


def unavailable(reason: str) -> NoReturn:
    """Skips the tests with the reason; in CI, where Docker must exist, fails them."""
    say = pytest.fail if os.environ.get("CI") == "true" else pytest.skip
    say(f"the stack tests need Docker: {reason}")


def docker_missing() -> str | None:
    if shutil.which("docker") is None:
        return "no docker command"
    for command in (["docker", "version"], ["docker", "compose", "version"]):
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            return (done.stderr.strip().splitlines() or ["docker does not answer"])[-1]
    return None
