"""The light server's image."""

import json
import time
from collections.abc import Iterator
from typing import Any

import docker
import pytest

from tests.stack.conftest import COMPOSE, docker_missing, unavailable
from tests.support.shipped import MODELS, POLICIES

IMAGE = "edge-router-light-server:local"
MEGABYTE = 10**6
EVERY_MODEL = f"MODELS, NETWORKS = {MODELS!r}, {POLICIES!r}"
EVERY_MODEL += """
import numpy as np
from edge_router.contract import *
from edge_router.v2.request import encode_request
from urllib.request import Request, urlopen
ids = np.arange(1000, 1032, dtype=np.int64)[np.newaxis]
tokens = {INPUT_IDS: ids, ATTENTION_MASK: np.ones_like(ids)}
text = {INPUT: np.array([[b"Write a short poem about the sea and the ships on it."]], dtype=np.object_)}
logits = {LOGITS: np.zeros((1, 19), dtype=np.float32)}
for _ in range(20):
    for model in MODELS:
        given = logits if model.startswith("post") else tokens if model in NETWORKS else text
        body, length = encode_request(given, [])
        asked = Request(f"http://127.0.0.1:8000/v2/models/{model}/infer", body)
        asked.add_header("Inference-Header-Content-Length", str(length))
        assert urlopen(asked).status == 200
"""


@pytest.fixture(scope="module")
def container() -> Iterator[Any]:
    if reason := docker_missing():
        unavailable(reason)
    client: Any = docker.from_env()
    models, layer = (str(COMPOSE.parent / folder) for folder in ("model_repository", "overrides/cpu"))
    found = client.containers.run(
        IMAGE,
        volumes={models: {"bind": "/models", "mode": "ro"}, layer: {"bind": "/overrides", "mode": "ro"}},
        environment={"EDGE_ROUTER_OVERRIDES": "/overrides"},
        network_mode="none",
        read_only=True,
        cap_drop=["ALL"],
        detach=True,
    )
    try:
        deadline = time.monotonic() + 60
        while found.exec_run(["python", "-m", "edge_router.health"]).exit_code != 0:
            assert time.monotonic() < deadline, found.logs(tail=20)
            time.sleep(0.2)
        yield found
    finally:
        found.remove(force=True)
        client.close()


def test_the_image_is_small(container: Any) -> None:
    assert container.image.attrs["Size"] <= 350 * MEGABYTE


def test_all_nine_models_fit_into_150_megabytes(container: Any) -> None:
    assert len(MODELS) == 9
    done = container.exec_run(["python", "-c", EVERY_MODEL])
    assert done.exit_code == 0, done.output
    resident = container.exec_run(["grep", "VmRSS", "/proc/1/status"]).output.split()[1]
    assert int(resident) * 1024 <= 150 * MEGABYTE


def test_the_log_holds_only_the_start(container: Any) -> None:
    """It has no warnings of libraries and no prompts."""
    [line] = container.logs().decode().splitlines()
    assert json.loads(line)["event"] == "serving"
