"""`edge-router up` from a built wheel, installed as by `pip install edge-llm-router`."""

import os
import re
import signal
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Installed:
    """A folder with the content of the wheel, which Python searches first."""

    folder: Path

    def command(self, *arguments: str) -> list[str]:
        start = "from edge_router.cli import main; main()"
        return [sys.executable, "-c", start, *arguments]

    @property
    def environment(self) -> dict[str, str]:
        return os.environ | {"PYTHONPATH": str(self.folder), "OLLAMA_HOST": "127.0.0.1:9"}


@dataclass(frozen=True)
class Running:
    process: "subprocess.Popen[str]"
    url: str
    greeting: str


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(folder)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    [built] = folder.glob("*.whl")
    return built


@pytest.fixture(scope="session")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Installed:
    folder = tmp_path_factory.mktemp("site")
    zipfile.ZipFile(wheel).extractall(folder)
    return Installed(folder)


@pytest.fixture
def up(installed: Installed, free_port: int, tmp_path: Path) -> Iterator[Running]:
    command = installed.command("up", "--port", str(free_port))
    process = subprocess.Popen(
        command, cwd=tmp_path, env=installed.environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    assert process.stdout is not None
    greeting = ""
    while not re.search("demo answers", greeting):
        line = process.stdout.readline()
        assert line, greeting
        greeting += line
    yield Running(process, f"http://127.0.0.1:{free_port}", greeting)
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdout.close()
