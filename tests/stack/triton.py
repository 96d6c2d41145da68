"""A real Triton in its own container, with a repository of the test."""

import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import docker
import requests

from tests.stack.conftest import COMPOSE, docker_missing, unavailable

IMAGE = "edge-router-server:wheel"
LINES = 20
INSIDE = (8000, 8001, 8002)


@dataclass(frozen=True)
class Server:
    """The three addresses of a server."""

    http: str
    grpc: str
    metrics: str


@contextmanager
def triton_server(models: Path, last: str) -> Iterator[Server]:
    """Runs Triton. `last`: the model that becomes ready last."""
    if reason := docker_missing():
        unavailable(reason)
    for each in (models.parent, *models.parent.parents[:2]):
        each.chmod(0o755)  # the container reads it as another user
    image = ["docker", "compose", "-f", "docker-compose.yaml", "build", "--quiet", "router-server"]
    subprocess.run(image, cwd=COMPOSE, check=True)
    client: Any = docker.from_env()
    container = client.containers.run(
        IMAGE,
        volumes={str(models): {"bind": "/models", "mode": "ro"}},
        ports=dict.fromkeys(INSIDE, ("127.0.0.1", None)),
        shm_size="256m",
        detach=True,
    )
    try:
        container.reload()
        found = [container.ports[f"{port}/tcp"][0]["HostPort"] for port in INSIDE]
        server = Server(*(f"127.0.0.1:{port}" for port in found))
        _until_ready(server, last, container)
        yield server
    finally:
        container.remove(force=True)
        client.close()


def _until_ready(server: Server, model: str, container: Any) -> None:
    deadline = time.monotonic() + 60
    while True:
        try:
            if requests.get(f"http://{server.http}/v2/models/{model}/ready", timeout=5).ok:
                return
        except requests.ConnectionError:
            pass
        assert time.monotonic() < deadline, container.logs(tail=LINES)
        time.sleep(0.2)
