"""Runs a light server as a process."""

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import requests

from tests.support.ports import free_ports


@dataclass(frozen=True)
class Light:
    """A running light server. `http`, `grpc`, `metrics`: addresses HOST:PORT."""

    http: str
    grpc: str
    metrics: str
    process: "subprocess.Popen[bytes]"
    log: Path

    @property
    def resident_mb(self) -> float:
        lines = Path(f"/proc/{self.process.pid}/status").read_text().splitlines()
        [line] = [line for line in lines if line.startswith("VmRSS:")]
        return int(line.split()[1]) / 1000


@contextlib.contextmanager
def light_server(log: Path, *options: str, **environment: str) -> Iterator[Light]:
    """Starts a light server and yields it when it is ready. On a signal it must stop with exit code 0.

    `environment`: EDGE_ROUTER_ variables, without the prefix, in lower case.
    """
    http, grpc, metrics = map(str, free_ports(3))
    command = [str(Path(sys.executable).parent / "edge-router"), "serve", *options]
    command += ["--http-port", http, "--grpc-port", grpc, "--metrics-port", metrics]
    given = {f"EDGE_ROUTER_{name.upper()}": value for name, value in environment.items()}
    with (
        log.open("wb") as output,
        subprocess.Popen(command, stdout=output, stderr=output, env=os.environ | given) as process,
    ):
        server = Light(f"127.0.0.1:{http}", f"127.0.0.1:{grpc}", f"127.0.0.1:{metrics}", process, log)
        try:
            _until_ready(server)
            yield server
        finally:
            process.terminate()
            code = process.wait(timeout=20)
    assert code == 0, log.read_text()


def _until_ready(server: Light) -> None:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline and server.process.poll() is None:
        with contextlib.suppress(requests.ConnectionError):
            if requests.get(f"http://{server.http}/v2/health/ready", timeout=5).ok:
                return
        time.sleep(0.05)
    raise AssertionError(server.log.read_text())
