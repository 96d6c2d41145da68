"""Compares the light server with Triton: same repository, each in its container, measured alternately."""

import contextlib
import http.client
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit

import docker
import msgspec
import numpy as np
import typer
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from edge_router.cli.bench import prompt_of
from edge_router.cli.options import open_pipeline
from edge_router.tensors import Tensors
from edge_router.v2.client import HEADER_LENGTH
from edge_router.v2.request import encode_request

ROOT = Path(__file__).parents[1]
CPU_LAYER = ROOT / "overrides" / "cpu" / "task_router" / "config.pbtxt"
IMAGES = {"Triton": "edge-router-server:wheel", "light": "edge-router-light-server:local"}
ENSEMBLE = "task_router_ensemble"
LENGTHS = (16, 32, 64, 128)
CLIENTS = 8
WARM_UP = 30


@dataclass
class Measured:
    """Figures of one server, one value a round. `p50_ms`: latency by tokens; `per_second`: requests of 32 tokens from 8
    clients."""

    ready_s: float = 0
    rss_mb: float = 0
    per_second: list[float] = field(default_factory=list)
    p50_ms: dict[int, list[float]] = field(default_factory=lambda: {tokens: [] for tokens in LENGTHS})

    def summary(self) -> dict[str, Any]:
        medians = {str(tokens): round(float(np.median(times)), 2) for tokens, times in self.p50_ms.items()}
        throughput = round(float(np.median(self.per_second)))
        return {**asdict(self), "ready_s": round(self.ready_s, 2), "p50_ms": medians, "per_second": throughput}


def main(
    rounds: Annotated[int, typer.Option(min=1, help="Rounds; each measures both servers.")] = 9,
    calls: Annotated[int, typer.Option(min=10, help="Requests a round and prompt length.")] = 60,
    seconds: Annotated[float, typer.Option(min=0.5, help="Seconds of throughput a round.")] = 2,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Measure both servers alternately."""
    pipeline = open_pipeline(None, None)
    prompts = {tokens: prompt_of(pipeline, tokens) for tokens in LENGTHS}
    servers = {name: Measured() for name in IMAGES}
    with contextlib.ExitStack() as stack, Progress(transient=True) as progress:
        urls = {name: stack.enter_context(running(image, servers[name])) for name, image in IMAGES.items()}
        steps = progress.add_task("measuring", total=rounds * len(urls))
        for _ in range(rounds):
            for name, url in urls.items():
                measure_round(url, prompts, servers[name], calls, seconds)
                progress.advance(steps)
        for name in urls:
            servers[name].rss_mb = resident(name)
    summaries = {name: measured.summary() for name, measured in servers.items()}
    if json:
        typer.echo(msgspec.json.format(msgspec.json.encode(summaries)).decode())
    else:
        Console().print(as_table(summaries))


@contextlib.contextmanager
def running(image: str, measured: Measured) -> Iterator[str]:
    """Runs a server's container and yields its URL when it is ready."""
    mounts = {str(ROOT / "model_repository"): {"bind": "/models", "mode": "ro"}}
    mounts[str(CPU_LAYER)] = {"bind": "/models/task_router/config.pbtxt", "mode": "ro"}
    client: Any = docker.from_env()
    name = f"edge-router-benchmark-{image.partition(':')[0]}"
    container = client.containers.run(
        image, name=name, volumes=mounts, network_mode="bridge", shm_size="256m", user="1000:1000", detach=True
    )
    started = time.monotonic()
    try:
        container.reload()
        url = f"http://{container.attrs['NetworkSettings']['IPAddress']}:8000"
        wait_until_ready(url)
        measured.ready_s = time.monotonic() - started
        yield url
    finally:
        container.remove(force=True)
        client.close()


def wait_until_ready(url: str) -> None:
    body, headers = encoded({"INPUT": np.array([[b"ready?"]], dtype=np.object_)})
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError, AssertionError, http.client.HTTPException):
            infer(connect(url), body, headers)
            return
        time.sleep(0.01)
    raise SystemExit(f"{url} does not answer within 60 s")


def measure_round(url: str, prompts: dict[int, Tensors], measured: Measured, calls: int, seconds: float) -> None:
    for tokens, prompt in prompts.items():
        body, headers = encoded(prompt)
        connection = connect(url)
        times = [timed(connection, body, headers) for _ in range(WARM_UP + calls)][WARM_UP:]
        measured.p50_ms[tokens].append(float(np.median(times)) * 1000)
    body, headers = encoded(prompts[32])
    deadline = time.monotonic() + seconds
    with ThreadPoolExecutor(CLIENTS) as pool:
        counts = list(pool.map(lambda _: requests_until(deadline, url, body, headers), range(CLIENTS)))
    measured.per_second.append(sum(counts) / seconds)


def requests_until(deadline: float, url: str, body: bytes, headers: dict[str, str]) -> int:
    """Sends one request after another; returns how many were answered."""
    connection, count = connect(url), 0
    while time.monotonic() < deadline:
        infer(connection, body, headers)
        count += 1
    return count


def timed(connection: http.client.HTTPConnection, body: bytes, headers: dict[str, str]) -> float:
    """The duration of one request in seconds."""
    started = time.perf_counter()
    infer(connection, body, headers)
    return time.perf_counter() - started


def encoded(prompt: Tensors) -> tuple[bytes, dict[str, str]]:
    """Body and headers of an inference request."""
    body, length = encode_request(prompt, [])
    return body, {HEADER_LENGTH: str(length), "Content-Type": "application/octet-stream"}


def connect(url: str) -> http.client.HTTPConnection:
    return http.client.HTTPConnection(urlsplit(url).netloc, timeout=30)


def infer(connection: http.client.HTTPConnection, body: bytes, headers: dict[str, str]) -> None:
    connection.request("POST", f"/v2/models/{ENSEMBLE}/infer", body, headers)
    response = connection.getresponse()
    content = response.read()
    assert response.status == 200, content


def resident(name: str) -> float:
    """Resident memory of all processes of the container together, in megabytes."""
    container = f"edge-router-benchmark-{IMAGES[name].partition(':')[0]}"
    listed = subprocess.run(
        ["docker", "exec", container, "sh", "-c", "grep -h VmRSS /proc/[0-9]*/status"], capture_output=True, text=True
    )
    return round(sum(int(line.split()[1]) for line in listed.stdout.splitlines()) / 1000)


def as_table(summaries: dict[str, dict[str, Any]]) -> Table:
    table = Table("", *summaries, "light : Triton", box=None, pad_edge=False)
    triton, light = summaries["Triton"], summaries["light"]
    rows: list[tuple[str, Any, Any]] = [
        (f"p50 ms at {tokens} tokens", triton["p50_ms"][str(tokens)], light["p50_ms"][str(tokens)])
        for tokens in LENGTHS
    ]
    rows += [(f"requests/s, {CLIENTS} clients", triton["per_second"], light["per_second"])]
    rows += [
        ("resident MB", triton["rss_mb"], light["rss_mb"]),
        ("seconds until ready", triton["ready_s"], light["ready_s"]),
    ]
    for name, reference, own in rows:
        table.add_row(name, str(reference), str(own), f"{own / reference:.2f}")
    return table


if __name__ == "__main__":
    typer.run(main)
