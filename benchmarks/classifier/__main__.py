"""One DeBERTa-v3-base in every form, each in a process of its own, in one run: latency, memory, load time, disk."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from rich.console import Console
from rich.progress import Progress

from benchmarks.classifier.forms import WRITERS
from benchmarks.classifier.report import as_markdown, as_table, draw, summary
from benchmarks.classifier.variants import VARIANTS
from edge_router.conversion.checkpoint import Checkpoint
from scripts.make_checkpoint import SIZES, make

ROOT = Path(__file__).parents[2]


def main(
    checkpoint: Annotated[Path | None, typer.Option(help="A folder; without it, seeded random weights.")] = None,
    rounds: Annotated[int, typer.Option(min=1, help="Processes a variant; medians are told.")] = 3,
    out: Annotated[Path | None, typer.Option(help="Folder for table, figures and plot.")] = None,
    json_: Annotated[bool, typer.Option("--json")] = False,
) -> None:
    """Measure every variant. Needs the extras `export` and `pictures`, 8 GB of disk and about a quarter of an hour."""
    with prepared(checkpoint) as (folder, words), Progress(transient=not json_) as progress:
        steps = progress.add_task("measuring", total=rounds * len(VARIANTS))
        found: dict[str, list[dict[str, Any]]] = {name: [] for name in VARIANTS}
        for _ in range(rounds):
            for name in VARIANTS:
                found[name].append(in_a_process(name, folder, words))
                progress.advance(steps)
    medians = {name: median(each) for name, each in found.items()}
    if out is not None:
        out.mkdir(parents=True, exist_ok=True)
        (out / "classifier.json").write_text(json.dumps(medians, indent=1) + "\n")
        (out / "classifier.md").write_text(as_markdown(medians))
        draw(medians, out / "classifier.png")
    if json_:
        typer.echo(json.dumps(medians, indent=1))
    else:
        Console(width=200).print(as_table(medians))
        typer.echo(summary(medians))


@contextmanager
def prepared(given: Path | None) -> Iterator[tuple[Path, int]]:
    """A folder with every form of the checkpoint, and the size of its vocabulary."""
    with tempfile.TemporaryDirectory() as scratch, Progress(transient=True) as progress:
        folder = Path(scratch)
        steps = progress.add_task("writing every form", total=1 + len(WRITERS))
        source = given or folder / "checkpoint"
        if given is None:
            make(source, SIZES["base"])
        progress.advance(steps)
        checkpoint = Checkpoint.read(source)
        for name, write in WRITERS.items():
            (folder / name).mkdir()
            write(checkpoint, folder / name)
            forget(folder / name)
            progress.advance(steps)
        words = len(checkpoint.weights["encoder.embeddings.word_embeddings.weight"])
        del checkpoint
        if given is None:
            shutil.rmtree(source)
        progress.stop()
        yield folder, words


def forget(folder: Path) -> None:
    """Has the kernel drop its copies of the files: who maps a file just written is told to hold all of it."""
    for file in folder.iterdir():
        with file.open("rb") as content:
            os.fsync(content.fileno())
            os.posix_fadvise(content.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def in_a_process(name: str, folder: Path, words: int) -> dict[str, Any]:
    command = [sys.executable, "-m", "benchmarks.classifier.variants", name, str(folder), str(words)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"{name}: {done.stderr.strip()}")
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def median(rounds: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    def of(values: Sequence[Any]) -> Any:
        if isinstance(values[0], Mapping):
            return {key: of([value[key] for value in values]) for key in values[0]}
        return round(float(np.median(values)), 2)

    return {key: of([found[key] for found in rounds]) for key in rounds[0]}


if __name__ == "__main__":
    typer.run(main)
