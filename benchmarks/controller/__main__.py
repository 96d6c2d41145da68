"""The controller as a relay, classification off, against a direct call to the same upstream: added latency, throughput,
streams, memory. Other relays stand beside it."""

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

import orjson
import typer
import uvloop
from rich.console import Console
from rich.progress import Progress

from benchmarks.controller import machine, systems
from benchmarks.controller.loader import BrokenError, as_many_as, flood, times, until
from benchmarks.controller.measured import Measured
from benchmarks.controller.report import as_json, as_table
from benchmarks.controller.systems import ROOT, System, resident, running, worked

DIRECT = "direct"
IN_FLIGHT = 32
READY_SECONDS = 120
SAMPLES = 10
"""Of memory, after the first."""


class Served(NamedTuple):
    port: int
    process: subprocess.Popen[bytes]


def main(
    requests: Annotated[int, typer.Option(min=SAMPLES, help="After which memory is told.")] = 20_000,
    rounds: Annotated[int, typer.Option(min=1, help="Each system has as many turns; medians are told.")] = 7,
    calls: Annotated[int, typer.Option(min=20, help="Requests of a turn, one after the other.")] = 300,
    seconds: Annotated[float, typer.Option(min=0.2, help="Of a turn of throughput, and of one of streams.")] = 2,
    litellm: Annotated[Path | None, typer.Option(help="A virtual environment with litellm[proxy].")] = None,
    against: Annotated[list[Path] | None, typer.Option(help="Another checkout, whose controller takes part.")] = None,
    json_: Annotated[bool, typer.Option("--json")] = False,
) -> None:
    """Measure all systems in turns. Needs two cores: one is the relay's, the others are the upstream's and the
    loader's."""
    loaded = machine.load()
    makers = made(litellm, against or [])
    *ours, relays = sorted(os.sched_getaffinity(0))
    if not ours:
        raise SystemExit("one core is not enough: relay and loader would take turns on it")
    os.sched_setaffinity(0, ours)
    with contextlib.ExitStack() as stack, Progress(transient=True, disable=json_) as progress:
        steps = progress.add_task("measuring", total=(1 + rounds) * len(makers) + rounds)
        upstream = free_port()
        served = {DIRECT: Served(upstream, stack.enter_context(upstream_at(upstream)))}
        found = {name: Measured() for name in (DIRECT, *makers)}
        for name, maker in makers.items():
            port = free_port()
            served[name] = Served(port, stack.enter_context(ready(name, maker(port, upstream), port, {relays})))
            fill(served[name], found[name], requests)
            progress.advance(steps)
        for _ in range(rounds):
            for name, each in served.items():
                turn(each, found[name], calls, seconds)
                progress.advance(steps)
    facts = machine.facts() | {"load": f"{loaded:.2f} before, {machine.load():.2f} after"}
    if json_:
        told = {"machine": facts, "systems": as_json(found)}
        typer.echo(orjson.dumps(told, option=orjson.OPT_INDENT_2 | orjson.OPT_NON_STR_KEYS).decode())
    else:
        Console(width=200).print(as_table(found, IN_FLIGHT))
        typer.echo("".join(f"{key}: {value}\n" for key, value in facts.items()))


def made(litellm: Path | None, against: Sequence[Path]) -> Mapping[str, Callable[[int, int], System]]:
    """(port, port of the upstream) -> system, by name."""
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
        until_it_answers(port, process)
        yield process
    finally:
        process.kill()
        process.wait()


@contextlib.contextmanager
def ready(name: str, system: System, port: int, cores: set[int]) -> Iterator[subprocess.Popen[bytes]]:
    with tempfile.TemporaryDirectory() as scratch, running(system, Path(scratch), cores) as process:
        try:
            until_it_answers(port, process)
        except BrokenError as error:
            printed = Path(scratch, "printed").read_text(errors="replace")[-2000:]
            raise SystemExit(f"{name}: {error}\n{printed}") from None
        yield process


def until_it_answers(port: int, process: subprocess.Popen[bytes]) -> None:
    """Raises BrokenError when it never does."""
    deadline = time.monotonic() + READY_SECONDS
    problem: Exception = BrokenError("it ended")
    while time.monotonic() < deadline and process.poll() is None:
        try:
            uvloop.run(times(port, 1))
            return
        except (OSError, BrokenError) as error:
            problem = error
        time.sleep(0.1)
    raise BrokenError(f"no answer: {problem}")


def fill(served: Served, measured: Measured, requests: int) -> None:
    """Memory over that many requests, which warm everything up besides."""
    measured.resident_mb.append((0, resident(served.process)))
    share = requests // SAMPLES
    for sample in range(1, SAMPLES + 1):
        uvloop.run(flood(served.port, IN_FLIGHT, as_many_as(share)))
        measured.resident_mb.append((sample * share, resident(served.process)))


def turn(served: Served, measured: Measured, calls: int, seconds: float) -> None:
    measured.take_times(uvloop.run(times(served.port, calls)))
    before = worked(served.process)
    plain = uvloop.run(flood(served.port, IN_FLIGHT, until(time.perf_counter() + seconds)))
    measured.core_us.append((worked(served.process) - before) / plain.answers * 1e6)
    measured.per_second.append(plain.answers / plain.seconds)
    streams = uvloop.run(flood(served.port, IN_FLIGHT, until(time.perf_counter() + seconds), stream=True))
    measured.events_per_second.append(streams.events / streams.seconds)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port: int = listening.getsockname()[1]
        return port


if __name__ == "__main__":
    typer.run(main)
