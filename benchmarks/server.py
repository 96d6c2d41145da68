"""The light server against Triton, in turns, over the same repository, each in its container."""

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
import numpy as np
import orjson
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
    """`p50_ms` by tokens, medians over the rounds; `per_second` at 8 clients and 32 tokens."""

    ready_s: float = 0
    rss_mb: float = 0
    per_second: list[float] = field(default_factory=list)
    p50_ms: dict[int, list[float]] = field(default_factory=lambda: {tokens: [] for tokens in LENGTHS})

    def summary(self) -> dict[str, Any]:
        medians = {str(tokens): round(float(np.median(times)), 2) for tokens, times in self.p50_ms.items()}
        throughput = round(float(np.median(self.per_second)))
        return {**asdict(self), "ready_s": round(self.ready_s, 2), "p50_ms": medians, "per_second": throughput}


def main(
    rounds: Annotated[int, typer.Option(min=1, help="Each server has as many turns.")] = 9,
    calls: Annotated[int, typer.Option(min=10, help="Requests a turn and length.")] = 60,
    seconds: Annotated[float, typer.Option(min=0.5, help="Of a turn of throughput.")] = 2,
    json: Annotated[bool, typer.Option("--json")] = False,
) -> None:
    """Measure both servers in turns."""
    pipeline = open_pipeline(None, None)
    prompts = {tokens: prompt_of(pipeline, tokens) for tokens in LENGTHS}
    found = {name: Measured() for name in IMAGES}
    with contextlib.ExitStack() as stack, Progress(transient=True) as progress:
        urls = {name: stack.enter_context(running(image, found[name])) for name, image in IMAGES.items()}
        steps = progress.add_task("measuring", total=rounds * len(urls))
        for _ in range(rounds):
            for name, url in urls.items():
                turn(url, prompts, found[name], calls, seconds)
                progress.advance(steps)
        for name in urls:
            found[name].rss_mb = resident(name)
    summaries = {name: measured.summary() for name, measured in found.items()}
    if json:
        typer.echo(orjson.dumps(summaries, option=orjson.OPT_INDENT_2).decode())
    else:
        Console().print(as_table(summaries))


@contextlib.contextmanager
def running(image: str, measured: Measured) -> Iterator[str]:
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
        until_it_answers(url)
        measured.ready_s = time.monotonic() - started
        yield url
    finally:
        container.remove(force=True)
        client.close()


def until_it_answers(url: str) -> None:
    body, headers = encoded({"INPUT": np.array([[b"ready?"]], dtype=np.object_)})
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError, AssertionError, http.client.HTTPException):
            ask(connected(url), body, headers)
            return
        time.sleep(0.01)
    raise SystemExit(f"{url} does not answer")


def turn(url: str, prompts: dict[int, Tensors], measured: Measured, calls: int, seconds: float) -> None:
    for tokens, prompt in prompts.items():
        body, headers = encoded(prompt)
        connection = connected(url)
        times = [timed(connection, body, headers) for _ in range(WARM_UP + calls)][WARM_UP:]
        measured.p50_ms[tokens].append(float(np.median(times)) * 1000)
    body, headers = encoded(prompts[32])
    deadline = time.monotonic() + seconds
    with ThreadPoolExecutor(CLIENTS) as pool:
        counts = list(pool.map(lambda _: answered(url, body, headers, deadline), range(CLIENTS)))
    measured.per_second.append(sum(counts) / seconds)


def answered(url: str, body: bytes, headers: dict[str, str], deadline: float) -> int:
    connection, count = connected(url), 0
    while time.monotonic() < deadline:
        ask(connection, body, headers)
        count += 1
    return count


def timed(connection: http.client.HTTPConnection, body: bytes, headers: dict[str, str]) -> float:
    started = time.perf_counter()
    ask(connection, body, headers)
    return time.perf_counter() - started


def encoded(prompt: Tensors) -> tuple[bytes, dict[str, str]]:
    body, length = encode_request(prompt, [])
    return body, {HEADER_LENGTH: str(length), "Content-Type": "application/octet-stream"}


def connected(url: str) -> http.client.HTTPConnection:
    return http.client.HTTPConnection(urlsplit(url).netloc, timeout=30)


def ask(connection: http.client.HTTPConnection, body: bytes, headers: dict[str, str]) -> None:
    connection.request("POST", f"/v2/models/{ENSEMBLE}/infer", body, headers)
    reply = connection.getresponse()
    content = reply.read()
    assert reply.status == 200, content


def resident(name: str) -> float:
    """Megabytes of all processes of the container, as the kernel counts them resident."""
    container = f"edge-router-benchmark-{IMAGES[name].partition(':')[0]}"
    listed = subprocess.run(
        ["docker", "exec", container, "sh", "-c", "grep -h VmRSS /proc/[0-9]*/status"], capture_output=True, text=True
    )
    return round(sum(int(line.split()[1]) for line in listed.stdout.splitlines()) / 1000)


def as_table(summaries: dict[str, dict[str, Any]]) -> Table:
    table = Table("", *summaries, "light : Triton", box=None, pad_edge=False)
    theirs, ours = summaries["Triton"], summaries["light"]
    rows: list[tuple[str, Any, Any]] = [
        (f"p50 ms at {tokens} tokens", theirs["p50_ms"][str(tokens)], ours["p50_ms"][str(tokens)]) for tokens in LENGTHS
    ]
    rows += [(f"requests/s, {CLIENTS} clients", theirs["per_second"], ours["per_second"])]
    rows += [
        ("resident MB", theirs["rss_mb"], ours["rss_mb"]),
        ("seconds until ready", theirs["ready_s"], ours["ready_s"]),
    ]
    for name, triton, light in rows:
        table.add_row(name, str(triton), str(light), f"{light / triton:.2f}")
    return table


if __name__ == "__main__":
    typer.run(main)
