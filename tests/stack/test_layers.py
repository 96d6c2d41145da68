"""What compose makes of the files: every layer keeps what the base promises."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.stack.conftest import COMPOSE, FILES, docker_missing, unavailable

BASE, CPU_TEST = FILES
PI = "docker-compose.pi.yaml"
LAYERS = {
    "base": [BASE],
    "cpu-test": [BASE, CPU_TEST],
    "pi": [BASE, PI],
    "pi-cpu-test": [BASE, CPU_TEST, PI],
    "tests": [BASE, CPU_TEST, "docker-compose.tests.yaml"],
}


@pytest.fixture(params=list(LAYERS.values()), ids=list(LAYERS))
def layered(request: pytest.FixtureRequest) -> dict[str, Any]:
    return rendered(*request.param)


def rendered(*files: str) -> dict[str, Any]:
    if reason := docker_missing():
        unavailable(reason)
    named = [option for file in files for option in ("-f", file)]
    command = ["docker", "compose", *named, "config", "--format", "json"]
    done = subprocess.run(command, cwd=COMPOSE, capture_output=True, text=True, check=True)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_every_service_is_hardened(layered: dict[str, Any]) -> None:
    for name, service in layered["services"].items():
        assert service["user"] == "1000:1000", name
        assert service["read_only"], name
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert int(service["mem_limit"]) > 0, name
        assert int(service["pids_limit"]) > 0, name
        assert service["logging"]["options"]["max-size"], name
        assert service["restart"] == "unless-stopped", name
        assert service["healthcheck"]["test"], name


def test_ports_are_published_on_loopback_alone(layered: dict[str, Any]) -> None:
    addresses = {port["host_ip"] for service in layered["services"].values() for port in service.get("ports", [])}
    assert addresses == {"127.0.0.1"}


def test_every_mounted_file_exists_and_is_read_only(layered: dict[str, Any]) -> None:
    mounts = [mount for service in layered["services"].values() for mount in service.get("volumes", [])]
    assert mounts
    for mount in mounts:
        assert Path(mount["source"]).exists(), mount
        assert mount["read_only"], mount


def test_without_a_layer_nobody_outside_reaches_triton() -> None:
    base = rendered(BASE)
    assert base["networks"]["inference"]["internal"]
    assert list(base["services"]["router-server"]["networks"]) == ["inference"]
    assert "ports" not in base["services"]["router-server"]


def test_the_cpu_layer_replaces_one_configuration() -> None:
    def targets(*files: str) -> set[str]:
        return {mount["target"] for mount in rendered(*files)["services"]["router-server"]["volumes"]}

    assert targets(BASE, CPU_TEST) - targets(BASE) == {"/models/task_router/config.pbtxt"}


def test_the_pi_layer_swaps_triton_for_the_light_server() -> None:
    server = rendered(BASE, PI)["services"]["router-server"]
    assert (server["image"], server["build"]["dockerfile"]) == (
        "edge-router-light-server:local",
        "compose/light-server.dockerfile",
    )
    assert "target" not in server["build"]
    assert "shm_size" not in server
    mounts = {mount["target"] for mount in server["volumes"]}
    assert mounts == {"/models", server["environment"]["EDGE_ROUTER_OVERRIDES"]}
    assert int(server["environment"]["EDGE_ROUTER_MEMORY_MB"]) * 2**20 <= int(server["mem_limit"])
