"""Measures one DeBERTa-v3-base network in several formats: latency, throughput, memory, load time, disk space.

Each format runs in its own process.
"""

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

from benchmarks.classifier.formats import WRITERS
from benchmarks.classifier.report import as_markdown, as_table, draw, summary
from benchmarks.classifier.variants import VARIANTS
from edge_router.conversion.checkpoint import Checkpoint
from scripts.make_checkpoint import SIZES, make

ROOT = Path(__file__).parents[2]


def main(
    checkpoint: Annotated[Path | None, typer.Option(help="Folder; random weights by default.")] = None,
    rounds: Annotated[int, typer.Option(min=1, help="Processes a variant; the result is their median.")] = 3,
    out: Annotated[Path | None, typer.Option(help="Folder for table, figures and plot.")] = None,
    json_: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Measure every variant. Needs the extras `export` and `pictures`, 8 GB of disk space and about 15 minutes."""
    with written_formats(checkpoint) as (folder, words), Progress(transient=not json_) as progress:
        steps = progress.add_task("measuring", total=rounds * len(VARIANTS))
        results: dict[str, list[dict[str, Any]]] = {name: [] for name in VARIANTS}
        for _ in range(rounds):
            for name in VARIANTS:
                results[name].append(measure_in_process(name, folder, words))
                progress.advance(steps)
    medians = {name: median(each) for name, each in results.items()}
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
def written_formats(given: Path | None) -> Iterator[tuple[Path, int]]:
    """Yields a folder with the checkpoint in every format, and the size of its vocabulary."""
    with tempfile.TemporaryDirectory() as scratch, Progress(transient=True) as progress:
        folder = Path(scratch)
        steps = progress.add_task("writing every format", total=1 + len(WRITERS))
        source = given or folder / "checkpoint"
        if given is None:
            make(source, SIZES["base"])
        progress.advance(steps)
        checkpoint = Checkpoint.read(source)
        for name, write in WRITERS.items():
            (folder / name).mkdir()
            write(checkpoint, folder / name)
            drop_page_cache(folder / name)
            progress.advance(steps)
        words = len(checkpoint.weights["encoder.embeddings.word_embeddings.weight"])
        del checkpoint
        if given is None:
            shutil.rmtree(source)
        progress.stop()
        yield folder, words


def drop_page_cache(folder: Path) -> None:
    """Drops the files from the page cache: a process that maps a file just written counts all of it as resident."""
    for file in folder.iterdir():
        with file.open("rb") as content:
            os.fsync(content.fileno())
            os.posix_fadvise(content.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def measure_in_process(name: str, folder: Path, words: int) -> dict[str, Any]:
    command = [sys.executable, "-m", "benchmarks.classifier.variants", name, str(folder), str(words)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"{name}: {done.stderr.strip()}")
    figures: dict[str, Any] = json.loads(done.stdout)
    return figures


def median(rounds: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    def of(values: Sequence[Any]) -> Any:
        if isinstance(values[0], Mapping):
            return {key: of([value[key] for value in values]) for key in values[0]}
        return round(float(np.median(values)), 2)

    return {key: of([figures[key] for figures in rounds]) for key in rounds[0]}


if __name__ == "__main__":
    typer.run(main)
