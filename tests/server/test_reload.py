"""Model control mode explicit: versions are swapped while requests come in."""

import json
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.support.light_server import Light, light_server

ROOT = Path(__file__).parents[2]
DECIDE = "postprocessing_task_router"
ENSEMBLE = "prompt_router_ensemble"
ASKED = {"inputs": [{"name": "INPUT", "datatype": "BYTES", "shape": [1, 1], "data": ["hi there, how are you?"]}]}


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    shutil.copytree(ROOT / "model_repository", tmp_path / "models")
    return tmp_path / "models"


@pytest.fixture
def explicit(repository: Path, tmp_path: Path) -> Iterator[Light]:
    with light_server(tmp_path / "log", "--repository", str(repository), "--model-control", "explicit") as server:
        yield server


def reload(server: Light, *models: str) -> "subprocess.CompletedProcess[str]":
    command = [str(Path(sys.executable).parent / "edge-router"), "models", "reload", "--url", f"http://{server.http}"]
    return subprocess.run([*command, *models], capture_output=True, text=True, check=False)


def second_version(repository: Path) -> None:
    """Adds a version with another temperature, so that its probabilities differ, and pins it everywhere."""
    shutil.copytree(repository / DECIDE / "1", repository / DECIDE / "2")
    file = repository / DECIDE / "2" / "decision.json"
    rules = json.loads(file.read_text())
    rules["heads"][0]["temperature"] = 5.0
    file.write_text(json.dumps(rules))
    change(repository / DECIDE, "versions: [ 1 ]", "versions: [ 1, 2 ]")
    for ensemble in (ENSEMBLE, "task_router_ensemble"):
        name = f'model_name: "{DECIDE}"\n    model_version: '
        change(repository / ensemble, f"{name}1", f"{name}2")


def change(model: Path, old: str, new: str) -> None:
    file = model / "config.pbtxt"
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new))


def infer(server: Light) -> Any:
    reply = requests.post(f"http://{server.http}/v2/models/{ENSEMBLE}/infer", json=ASKED, timeout=30)
    assert reply.status_code == 200, reply.text
    [found] = [output["data"] for output in reply.json()["outputs"] if output["name"] == "TASK_PROBABILITIES"]
    return found


def test_a_reload_loses_no_request(explicit: Light, repository: Path) -> None:
    before, seen, stop = infer(explicit), [], threading.Event()

    def ask() -> None:
        while not stop.is_set():
            seen.append(infer(explicit))

    clients = [threading.Thread(target=ask) for _ in range(4)]
    for client in clients:
        client.start()
    second_version(repository)
    done = reload(explicit)
    enough = len(seen) + 20
    while len(seen) < enough and any(client.is_alive() for client in clients):
        stop.wait(0.01)
    stop.set()
    for client in clients:
        client.join()
    assert done.returncode == 0, done.stderr
    after = infer(explicit)
    assert max(after) < max(before)
    assert all(each in (before, after) for each in seen)
    assert requests.get(f"http://{explicit.http}/v2/models/{DECIDE}", timeout=5).json()["versions"] == ["1", "2"]


@pytest.mark.parametrize(
    ("model", "old", "new", "message"),
    [
        pytest.param(DECIDE, "max_batch_size", "max_bach_size", "max_bach_size", id="misspelt"),
        pytest.param(ENSEMBLE, "model_version: 1", "model_version: 7", "no version 7", id="pin"),
        pytest.param(DECIDE, '"decide"', '"guess"', "guess", id="stage"),
    ],
)
def test_a_repository_that_cannot_be_served_changes_nothing(
    explicit: Light, repository: Path, model: str, old: str, new: str, message: str
) -> None:
    before = infer(explicit)
    change(repository / model, old, new)
    done = reload(explicit, ENSEMBLE)
    assert (done.returncode, "Traceback" in done.stderr) == (2, False)
    assert "nothing has changed" in done.stderr
    assert message in done.stderr
    assert infer(explicit) == before


def test_unloading_a_model_unloads_its_ensembles_and_loading_restores_them(explicit: Light) -> None:
    def repository_call(path: str) -> requests.Response:
        return requests.post(f"http://{explicit.http}/v2/repository/{path}", timeout=30)

    assert repository_call("models/task_router/unload").status_code == 200
    states = {entry["name"]: entry["state"] for entry in repository_call("index").json()}
    gone = {name for name, state in states.items() if state == "UNAVAILABLE"}
    assert gone == {
        "task_router", "complexity_router", "task_router_ensemble", "complexity_router_ensemble", ENSEMBLE
    }  # fmt: skip
    assert requests.get(f"http://{explicit.http}/v2/models/{ENSEMBLE}/ready", timeout=5).status_code == 400
    assert repository_call("models/task_router/load").status_code == 200
    assert infer(explicit)
    assert repository_call("models/nobody/load").status_code == 400


def test_loading_needs_model_control_mode_explicit(light: Light) -> None:
    done = reload(light)
    assert done.returncode == 2
    assert "--model-control explicit" in done.stderr
