"""Measures the controller as a relay without classification, relative to direct calls of the same upstream: added
latency, throughput, streams, memory. Other relays are measured beside it."""

import contextlib
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Annotated, NamedTuple

import msgspec
import typer
import uvloop
from rich.console import Console
from rich.progress import Progress

from benchmarks.controller import machine, systems
from benchmarks.controller.loader import WrongResponseError, flood, for_calls, times, until
from benchmarks.controller.measured import Measured
from benchmarks.controller.report import as_json, as_table
from benchmarks.controller.systems import OUTPUT_FILE, ROOT, System, core_seconds, resident, running

DIRECT = "direct"
IN_FLIGHT = 32
READY_SECONDS = 120
SAMPLES = 10
"""Memory samples after the first one."""


class RunningSystem(NamedTuple):
    """A system under test."""

    port: int
    process: subprocess.Popen[bytes]


def main(
    requests: Annotated[int, typer.Option(min=SAMPLES, help="Requests over which memory is measured.")] = 20_000,
    rounds: Annotated[int, typer.Option(min=1, help="Rounds; the result is their median.")] = 7,
    calls: Annotated[int, typer.Option(min=20, help="Requests a round for latency, one at a time.")] = 300,
    seconds: Annotated[float, typer.Option(min=0.2, help="Seconds a round for throughput, and for streams.")] = 2,
    litellm: Annotated[Path | None, typer.Option(help="A virtual environment with litellm[proxy].")] = None,
    against: Annotated[list[Path] | None, typer.Option(help="Another checkout with a controller to measure.")] = None,
    json_: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Measure all systems alternately. Needs two cores: one is the relay's, the others run upstream and loader."""
    load_before = machine.load()
    makers = system_makers(litellm, against or [])
    *loader_cores, relay_core = sorted(os.sched_getaffinity(0))
    if not loader_cores:
        raise SystemExit("needs two cores: the relay and the load generator must not share one")
    os.sched_setaffinity(0, loader_cores)
    with contextlib.ExitStack() as stack, Progress(transient=True, disable=json_) as progress:
        steps = progress.add_task("measuring", total=(1 + rounds) * len(makers) + rounds)
        upstream = unused_port()
        running_systems = {DIRECT: RunningSystem(upstream, stack.enter_context(upstream_at(upstream)))}
        figures = {name: Measured() for name in (DIRECT, *makers)}
        for name, maker in makers.items():
            port = unused_port()
            process = stack.enter_context(ready(name, maker(port, upstream), port, {relay_core}))
            running_systems[name] = RunningSystem(port, process)
            measure_memory(running_systems[name], figures[name], requests)
            progress.advance(steps)
        for _ in range(rounds):
            for name, each in running_systems.items():
                measure_round(each, figures[name], calls, seconds)
                progress.advance(steps)
    facts = machine.facts() | {"load": f"{load_before:.2f} before, {machine.load():.2f} after"}
    if json_:
        content = msgspec.json.encode({"machine": facts, "systems": as_json(figures)})
        typer.echo(msgspec.json.format(content).decode())
    else:
        Console(width=200).print(as_table(figures, IN_FLIGHT))
        typer.echo("".join(f"{key}: {value}\n" for key, value in facts.items()))


def system_makers(litellm: Path | None, against: Sequence[Path]) -> Mapping[str, Callable[[int, int], System]]:
    """Functions (port, port of the upstream) -> system, by name."""
    makers: dict[str, Callable[[int, int], System]] = {
        "bare relay": systems.bare_relay,
        "edge-router": systems.edge_router,
    }
    for checkout in against:
        makers[f"edge-router in {checkout.name}"] = partial(systems.edge_router, checkout=checkout)
    if litellm is not None:
        makers["LiteLLM's proxy"] = partial(systems.litellm, litellm)
    if systems.has_switchyard():
        makers["switchyard-server"] = systems.switchyard
    return makers


@contextlib.contextmanager
def upstream_at(port: int) -> Iterator[subprocess.Popen[bytes]]:
    command = [sys.executable, "-m", "benchmarks.controller.upstream", str(port)]
    process = subprocess.Popen(command, cwd=ROOT, start_new_session=True)
    try:
        wait_until_ready(port, process)
        yield process
    finally:
        process.kill()
        process.wait()


@contextlib.contextmanager
def ready(name: str, system: System, port: int, cores: set[int]) -> Iterator[subprocess.Popen[bytes]]:
    """Runs a system on `cores` and yields its process when it answers."""
    with tempfile.TemporaryDirectory() as scratch, running(system, Path(scratch), cores) as process:
        try:
            wait_until_ready(port, process)
        except WrongResponseError as error:
            output = Path(scratch, OUTPUT_FILE).read_text(errors="replace")[-2000:]
            raise SystemExit(f"{name}: {error}\n{output}") from None
        yield process


def wait_until_ready(port: int, process: subprocess.Popen[bytes]) -> None:
    """Raises WrongResponseError when the process does not answer within READY_SECONDS."""
    deadline = time.monotonic() + READY_SECONDS
    problem: Exception = WrongResponseError("the process ended")
    while time.monotonic() < deadline and process.poll() is None:
        try:
            uvloop.run(times(port, 1))
            return
        except (OSError, WrongResponseError) as error:
            problem = error
        time.sleep(0.1)
    raise WrongResponseError(f"no answer: {problem}")


def measure_memory(system: RunningSystem, measured: Measured, requests: int) -> None:
    """Samples memory over `requests` requests, which also warm the system up."""
    measured.resident_mb.append((0, resident(system.process)))
    share = requests // SAMPLES
    for sample in range(1, SAMPLES + 1):
        uvloop.run(flood(system.port, IN_FLIGHT, for_calls(share)))
        measured.resident_mb.append((sample * share, resident(system.process)))


def measure_round(system: RunningSystem, measured: Measured, calls: int, seconds: float) -> None:
    measured.add_latencies(uvloop.run(times(system.port, calls)))
    before = core_seconds(system.process)
    plain = uvloop.run(flood(system.port, IN_FLIGHT, until(time.perf_counter() + seconds)))
    measured.core_us.append((core_seconds(system.process) - before) / plain.answers * 1e6)
    measured.per_second.append(plain.answers / plain.seconds)
    streams = uvloop.run(flood(system.port, IN_FLIGHT, until(time.perf_counter() + seconds), stream=True))
    measured.events_per_second.append(streams.events / streams.seconds)


def unused_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port: int = listening.getsockname()[1]
        return port


if __name__ == "__main__":
    typer.run(main)
