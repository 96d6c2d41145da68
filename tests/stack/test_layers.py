"""The compose files, rendered: every layer and every pair of layers keeps the rules of the base file."""

import functools
import itertools
import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from edge_router.controller.config import RouterConfig
from edge_router.controller.settings import Settings
from tests.stack.conftest import COMPOSE, docker_missing, unavailable

NEEDS = {
    "cpu-test": (),
    "tests": ("cpu-test",),
    "arm64": (),
    "pi": (),
    "gpu": (),
    "libtorch": ("gpu",),
    "jetson": (),
    "ollama": (),
    "ollama-gpu": ("ollama",),
    "retrace": (),
}
"""The layers that a layer needs."""

DEVICES = {"pi", "gpu", "jetson"}
"""Layers for machines; they exclude each other."""

REQUIRED = {"CHECKPOINT": "/checkpoint"}
"""The required variables of a layer."""

MOUNTED = {
    "": {},
    "cpu-test": {"task_router": "cpu"},
    "gpu": {"task_router": "gpu"},
    "libtorch": {"task_router": "libtorch", "preprocessing_task_router": "libtorch"},
    "jetson": {"task_router": "jetson"},
    "cpu-test jetson": {"task_router": "jetson"},
}
"""The folder of overrides/ for each model, by layers."""

ON_GPU = {
    "": set(),
    "cpu-test": set(),
    "pi": set(),
    "arm64": set(),
    "ollama": set(),
    "gpu": {"router-server"},
    "libtorch": {"router-server"},
    "jetson": {"router-server"},
    "gpu ollama": {"router-server"},
    "pi ollama-gpu": {"ollama"},
    "jetson ollama-gpu": {"router-server", "ollama"},
}
"""The services with the GPU, by layers."""

IMAGES = {
    "": ("edge-router-server:wheel", "wheel", None),
    "gpu": ("edge-router-server:ngc", "ngc", "nvcr.io/nvidia/tritonserver:26.10-py3"),
    "jetson": ("edge-router-server:jetson", "ngc", "nvcr.io/nvidia/tritonserver:26.02-py3-igpu"),
}
"""Image, build target and base image, by layer."""


def with_needs(*layers: str) -> list[str]:
    """The layers with those that they need, in the order of the command line."""
    wanted = {*layers, *(need for layer in layers for need in NEEDS[layer])}
    return [layer for layer in NEEDS if layer in wanted]


def sets() -> list[list[str]]:
    """No layer, each layer, and every useful pair."""
    pairs = [with_needs(*layers) for size in (0, 1, 2) for layers in itertools.combinations(NEEDS, size)]
    return [list(each) for each in dict.fromkeys(tuple(pair) for pair in pairs if len(DEVICES & set(pair)) < 2)]


def rendered(layers: str, **variables: str) -> dict[str, Any]:
    """The rendered base file with these layers, separated by spaces."""
    if reason := docker_missing():
        unavailable(reason)
    return _rendered(tuple(with_needs(*layers.split())), tuple(variables.items()))


@functools.cache
def _rendered(layers: tuple[str, ...], variables: tuple[tuple[str, str], ...]) -> dict[str, Any]:
    files = ["docker-compose.yaml", *(f"docker-compose.{layer}.yaml" for layer in layers)]
    named = [option for file in files for option in ("-f", file)]
    command = ["docker", "compose", "--profile", "*", *named, "config", "--format", "json"]
    environment = os.environ | REQUIRED | dict(variables)
    done = subprocess.run(command, cwd=COMPOSE, capture_output=True, text=True, check=True, env=environment)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@pytest.fixture(params=sets(), ids=lambda layers: "-".join(["base", *layers]))
def layered(request: pytest.FixtureRequest) -> dict[str, Any]:
    return rendered(" ".join(request.param))


def running(composition: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """The services that `up` starts."""
    return {name: service for name, service in composition["services"].items() if "profiles" not in service}


def mounts(service: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {mount["target"]: mount for mount in service.get("volumes", [])}


def test_every_service_is_hardened(layered: dict[str, Any]) -> None:
    for name, service in running(layered).items():
        _check_confined(name, service)
        assert service["restart"] == "unless-stopped", name
        assert service["healthcheck"]["test"], name


@pytest.mark.parametrize(("layer", "service"), [("ollama", "ollama-pull"), ("retrace", "retrace")])
def test_a_tool_is_hardened_and_has_a_profile(layer: str, service: str) -> None:
    tool = rendered(layer)["services"][service]
    _check_confined(service, tool)
    assert tool["profiles"]
    assert "restart" not in tool


def _check_confined(name: str, service: dict[str, Any]) -> None:
    assert service["user"] == "1000:1000", name
    assert service["read_only"], name
    assert service["cap_drop"] == ["ALL"], name
    assert service["security_opt"] == ["no-new-privileges:true"], name
    assert "privileged" not in service, name
    assert int(service["mem_limit"]) > 0, name
    assert int(service["pids_limit"]) > 0, name
    assert service["logging"]["options"]["max-size"], name


def test_ports_are_published_on_loopback_only(layered: dict[str, Any]) -> None:
    addresses = {port["host_ip"] for service in layered["services"].values() for port in service.get("ports", [])}
    assert addresses == {"127.0.0.1"}


def test_every_mounted_file_exists_and_is_read_only(layered: dict[str, Any]) -> None:
    found = [mount for service in running(layered).values() for mount in mounts(service).values()]
    files = [mount for mount in found if mount["type"] == "bind"]
    assert files
    for mount in files:
        assert Path(mount["source"]).exists(), mount
        assert mount["read_only"], mount
    assert {mount["source"] for mount in found if mount["type"] != "bind"} <= {"ollama"}


def test_files_of_the_repository_can_be_read_under_selinux(layered: dict[str, Any]) -> None:
    for name, service in running(layered).items():
        for mount in mounts(service).values():
            if mount["type"] == "bind":
                assert mount["bind"]["selinux"] == "z", (name, mount)


def test_every_build_runs_on_the_network_that_every_builder_allows(layered: dict[str, Any]) -> None:
    for name, service in layered["services"].items():
        assert service.get("build", {}).get("network", "default") == "default", name


@pytest.mark.parametrize(
    ("ssl_cert_file", "ca_bundle", "file"),
    [("", "", os.devnull), ("/system.crt", "", "/system.crt"), ("/system.crt", "/proxy.crt", "/proxy.crt")],
)
def test_builds_trust_the_certificates_that_are_named_and_need_none(
    ssl_cert_file: str, ca_bundle: str, file: str
) -> None:
    variables = {"SSL_CERT_FILE": ssl_cert_file, "EDGE_ROUTER_CA_BUNDLE": ca_bundle}
    assert rendered("", **variables)["secrets"]["ca"]["file"] == file


def test_pip_gets_no_empty_file_of_certificates() -> None:
    """It would refuse every connection."""
    for file in (*COMPOSE.glob("images/*.dockerfile"), *COMPOSE.parent.glob("tests/stack/fixtures/*.dockerfile")):
        text = file.read_text()
        assert text.count("PIP_CERT") == text.count("if [ -s /run/secrets/ca ]; then export PIP_CERT="), file


def test_every_build_copies_files_that_exist_and_are_in_its_context(layered: dict[str, Any]) -> None:
    ignore = (COMPOSE.parent / ".dockerignore").read_text().splitlines()
    sent = [line.removeprefix("!") for line in ignore if line.startswith("!")]
    for build in (service["build"] for service in layered["services"].values() if "build" in service):
        context = Path(build["context"])
        for name in _copied(context / build["dockerfile"]):
            assert (context / name).exists(), (build["dockerfile"], name)
            assert any(Path(name).is_relative_to(path) for path in sent), (build["dockerfile"], name)


def _copied(dockerfile: Path) -> list[str]:
    """The sources of COPY in the build context. One file name is a build argument."""
    copies = [line.split()[1:-1] for line in dockerfile.read_text().splitlines() if line.startswith("COPY ")]
    return [name for names in copies if not names[0].startswith("--from") for name in names if "$" not in name]


def test_the_base_publishes_no_port_of_triton() -> None:
    base = rendered("")
    assert base["networks"]["inference"]["internal"]
    assert list(base["services"]["router-server"]["networks"]) == ["inference"]
    assert "ports" not in base["services"]["router-server"]


@pytest.mark.parametrize("layers", MOUNTED, ids=lambda layers: layers or "base")
def test_a_layer_replaces_configurations_by_its_own(layers: str) -> None:
    server = rendered(layers)["services"]["router-server"]
    found = {
        Path(target).parent.name: Path(mount["source"])
        for target, mount in mounts(server).items()
        if target != "/models"
    }
    assert {model: file.parts[-3] for model, file in found.items()} == MOUNTED[layers]
    assert all(file.parts[-2:] == (model, "config.pbtxt") for model, file in found.items())


@pytest.mark.parametrize("layers", ON_GPU, ids=lambda layers: layers or "base")
def test_only_the_layers_services_get_the_gpu(layers: str) -> None:
    assert {name for name, service in rendered(layers)["services"].items() if _gets_gpu(service)} == ON_GPU[layers]


def _gets_gpu(service: dict[str, Any]) -> bool:
    reserved = service.get("deploy", {}).get("resources", {}).get("reservations", {}).get("devices", [])
    assert not {"gpus", "devices"} & set(service), "another way to a GPU than those that the layers take"
    return service.get("runtime") == "nvidia" or any("gpu" in device["capabilities"] for device in reserved)


@pytest.mark.parametrize("layer", IMAGES, ids=lambda layer: layer or "base")
def test_a_device_has_its_image(layer: str) -> None:
    server = rendered(layer)["services"]["router-server"]
    starts_from = server["build"].get("args", {}).get("TRITON_IMAGE")
    assert (server["image"], server["build"]["target"], starts_from) == IMAGES[layer]


def test_a_jetsons_image_and_network_are_variables() -> None:
    image = "nvcr.io/nvidia/tritonserver:26.10-py3"
    server = rendered("jetson", TRITON_IMAGE=image, JETSON_LAYER="jetson-gpu")["services"]["router-server"]
    assert server["build"]["args"]["TRITON_IMAGE"] == image
    override = Path(mounts(server)["/models/task_router/config.pbtxt"]["source"])
    assert override.exists()
    assert override.parts[-3] == "jetson-gpu"


def test_a_jetson_reserves_no_pinned_memory() -> None:
    """CPU and GPU share their memory; by default Triton reserves 256 MiB."""
    options = dict(
        option.removeprefix("--").split("=") for option in rendered("jetson")["services"]["router-server"]["command"]
    )
    assert int(options["pinned-memory-pool-byte-size"]) <= 16 * 2**20
    assert options["allow-gpu-metrics"] == "false"


def test_the_pi_layer_replaces_triton_by_the_light_server() -> None:
    server = rendered("pi")["services"]["router-server"]
    assert (server["image"], server["build"]["dockerfile"]) == (
        "edge-router-light-server:local",
        "compose/images/light-server.dockerfile",
    )
    assert "target" not in server["build"]
    assert "shm_size" not in server
    assert set(mounts(server)) == {"/models", server["environment"]["EDGE_ROUTER_OVERRIDES"]}
    assert int(server["environment"]["EDGE_ROUTER_MEMORY_MB"]) * 2**20 <= int(server["mem_limit"])


def test_ollama_has_no_network_access_and_its_puller_has() -> None:
    found = rendered("ollama")
    assert list(found["services"]["ollama"]["networks"]) == ["inference"]
    assert list(found["services"]["ollama-pull"]["networks"]) == ["edge"]
    assert mounts(found["services"]["ollama"]).keys() == mounts(found["services"]["ollama-pull"]).keys() == {"/models"}


def test_the_base_mounts_the_file_to_edit_and_finds_the_machines_ollama() -> None:
    controller = rendered("", OLLAMA_HOST="127.0.0.1:8000")["services"]["router-controller"]
    [(target, mount)] = mounts(controller).items()
    assert (target, Path(mount["source"])) == (str(Settings().routes), COMPOSE / "routes.yaml")
    environment = controller["environment"]
    assert environment["OLLAMA_HOST"] == "127.0.0.1:8000"
    assert [entry.split("=")[0] for entry in controller["extra_hosts"]] == [environment["EDGE_ROUTER_MACHINE_HOST"]]


def test_ollamas_routes_are_the_examples_to_another_address() -> None:
    [file] = mounts(rendered("ollama")["services"]["router-controller"]).values()
    base, ours = RouterConfig.read(COMPOSE / "routes.example.yaml"), RouterConfig.read(Path(file["source"]))
    assert ours.policies == base.policies
    assert {name: upstream.model for name, upstream in ours.upstreams.items()} == {
        name: upstream.model for name, upstream in base.upstreams.items()
    }
    assert {upstream.url.host for upstream in ours.upstreams.values()} == {"ollama"}
