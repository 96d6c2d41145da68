"""The running containers: their permissions, their size, and that they need no network."""

import time
from collections.abc import Iterator
from typing import Any

import docker
import pytest

from tests.stack.conftest import COMPOSE, Stack, container

MEGABYTE = 10**6


@pytest.fixture(scope="module")
def engine(stack: Stack) -> Iterator[Any]:
    if stack.project is None:
        pytest.skip("the stack was started elsewhere (STACK_URL), so its containers cannot be inspected")
    client = docker.from_env()
    yield client
    client.close()


@pytest.mark.parametrize("service", ["router-server", "router-controller"])
def test_a_service_cannot_write(engine: Any, stack: Stack, service: str) -> None:
    found = container(engine, stack, service)
    assert found.exec_run(["id", "-u"]).output.strip() == b"1000"
    assert found.exec_run(["touch", "/models/x"]).exit_code != 0
    assert found.exec_run(["touch", "/usr/x"]).exit_code != 0
    capabilities = found.exec_run(["grep", "CapEff", "/proc/1/status"]).output
    assert capabilities.split()[-1] == b"0000000000000000"


@pytest.mark.parametrize(("service", "limit"), [("router-server", 500), ("router-controller", 300)])
def test_an_image_is_small(engine: Any, stack: Stack, service: str, limit: int) -> None:
    assert container(engine, stack, service).image.attrs["Size"] <= limit * MEGABYTE


def test_router_server_leaves_memory_for_the_llm(engine: Any, stack: Stack) -> None:
    """Counts all processes together, without file pages that the kernel can drop."""
    stats = container(engine, stack, "router-server").stats(stream=False)["memory_stats"]
    files = stats["stats"].get("inactive_file", stats["stats"].get("total_inactive_file", 0))
    assert stats["usage"] - files <= 450 * MEGABYTE


def test_router_server_starts_and_answers_without_any_network(engine: Any, stack: Stack) -> None:
    image = container(engine, stack, "router-server").image
    models = str(COMPOSE.parent / "model_repository")
    mounts = {models: {"bind": "/models", "mode": "ro"}}
    lone = engine.containers.run(
        image, network_mode="none", volumes=mounts, read_only=True, tmpfs={"/tmp": ""}, shm_size="256m", detach=True
    )
    try:
        deadline = time.monotonic() + 60
        while lone.exec_run(["python", "-m", "edge_router.health"]).exit_code != 0:
            assert time.monotonic() < deadline, lone.logs(tail=20)
            time.sleep(0.5)
    finally:
        lone.remove(force=True)
