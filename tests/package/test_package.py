"""The wheel contains everything that `edge-router` needs."""

import signal
import subprocess
import time
import zipfile
from pathlib import Path

import pytest
import requests
from openai import OpenAI

from tests.package.conftest import Installed, Running
from tests.support.shipped import MODELS

CODE = "Write a Python function that reverses a linked list."


def ready(running: Running) -> None:
    deadline = time.monotonic() + 60
    while True:
        try:
            if requests.get(f"{running.url}/health/ready", timeout=5).status_code == 200:
                return
        except requests.ConnectionError:
            pass
        assert running.process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.2)


def test_the_wheel_contains_the_repository_and_no_tests(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    assert {name.split("/")[2] for name in names if name.startswith("edge_router/model_repository/")} == set(MODELS)
    assert {name.split("/")[0].split("-")[0] for name in names} == {"edge_router", "edge_llm_router"}
    assert any(name.endswith("licenses/NOTICE") for name in names)


def test_up_answers_an_openai_client_from_the_demo_upstream(up: Running) -> None:
    ready(up)
    assert "not a language model" in up.greeting
    client = OpenAI(base_url=f"{up.url}/v1", api_key="unused", max_retries=0)
    assert "auto" in [model.id for model in client.models.list()]
    reply = client.chat.completions.with_raw_response.create(model="auto", messages=[{"role": "user", "content": CODE}])
    assert reply.headers["x-chosen-classifier"] == "Code Generation"
    assert reply.parse().choices[0].message.content
    events = client.chat.completions.create(
        model="task_router", messages=[{"role": "user", "content": CODE}], stream=True
    )
    assert "".join(event.choices[0].delta.content or "" for event in events if event.choices)


def test_up_stops_on_a_signal(up: Running) -> None:
    ready(up)
    up.process.send_signal(signal.SIGTERM)
    assert up.process.wait(timeout=30) == 0


@pytest.mark.parametrize(
    "arguments", [("models", "list", "--json"), ("route", CODE, "--json")], ids=["models", "route"]
)
def test_other_commands_need_no_checkout(installed: Installed, arguments: tuple[str, ...], tmp_path: Path) -> None:
    done = subprocess.run(
        installed.command(*arguments),
        cwd=tmp_path,
        env=installed.environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
