"""`edge-router models import`: a checkpoint as a new version."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import orjson
import typer
from rich.console import Console
from rich.table import Table

from edge_router.cli.options import (
    JsonOption,
    LayersOption,
    PolicyOption,
    RepositoryOption,
    chosen,
    open_layers,
    open_repository,
)
from edge_router.errors import ConfigError

if TYPE_CHECKING:
    from edge_router.conversion.importer import Imported


class GraphKind(StrEnum):
    LEAN = "lean"
    PLAIN = "plain"


class Also(StrEnum):
    FP16 = "fp16"


def import_checkpoint(
    checkpoint: Annotated[str, typer.Argument(help="Folder in the Hugging Face layout, or ORGANISATION/NAME.")],
    revision: Annotated[
        str | None,
        typer.Option(
            help="Of ORGANISATION/NAME, a commit hash or a tag: a branch moves, and the same command must "
            "import the same weights tomorrow.",
            show_default=False,
        ),
    ] = None,
    version: Annotated[
        int | None, typer.Option(help="Its number; one above the highest by default.", min=1, show_default=False)
    ] = None,
    policy: PolicyOption = None,
    graph: Annotated[
        GraphKind,
        typer.Option(help="lean: written node by node, quantised as far as the gate lets it; plain: as exported."),
    ] = GraphKind.LEAN,
    also: Annotated[
        list[Also] | None, typer.Option(help="A further format beside the chosen one, for GPUs.", show_default=False)
    ] = None,
    prompts: Annotated[
        Path | None,
        typer.Option(help="JSON lines with prompt to measure on; the checkout's by default.", show_default=False),
    ] = None,
    gate_prompts: Annotated[int, typer.Option(help="How many prompts the gate decides on.", min=1)] = 1000,
    agreement: Annotated[
        float, typer.Option(help="Least share of prompts on which a head decides as in fp32.", min=0, max=1)
    ] = 0.995,
    delta: Annotated[float, typer.Option(help="Largest difference of a score on 99 of 100 prompts.", min=0)] = 0.02,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Make and measure everything, change nothing.")] = False,
    json: JsonOption = False,
    repository: RepositoryOption = None,
    overrides: LayersOption = None,
) -> None:
    """Make a checkpoint the version that decides. Whatever fails on the way, the present version stays. Needs the extra
    `export`."""
    try:
        from edge_router.conversion.checkpoint import Checkpoint
        from edge_router.conversion.format_selection import Thresholds
        from edge_router.conversion.prompts import Prompts

        folder, source = _found(checkpoint, revision)
        read, taken = Checkpoint.read(folder), Prompts.read(prompts, gate_prompts)
        from edge_router.conversion import importer  # torch takes seconds: a wrong checkpoint is named before
    except ImportError as error:
        raise ConfigError(f"{error.name} is missing: pip install 'edge-llm-router[export]'") from error
    from rich.progress import MofNCompleteColumn, Progress, TimeElapsedColumn

    opened = open_repository(repository, None)
    wish = importer.Wish(
        policies=chosen(opened, policy) if policy else None,
        thresholds=Thresholds(agreement, delta),
        version=version,
        plain=graph is GraphKind.PLAIN,
        also=[each.value for each in also or ()],
        dry_run=dry_run,
    )
    columns = (*Progress.get_default_columns()[:-1], MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True)) as progress:
        made = importer.run(read, source, taken, opened, open_layers(opened, overrides), wish, progress)
    if json:
        typer.echo(orjson.dumps(asdict(made), option=orjson.OPT_INDENT_2).decode())
    else:
        _print(made, dry_run)


def _found(checkpoint: str, revision: str | None) -> tuple[Path, dict[str, str]]:
    """The folder, and where it comes from."""
    if (folder := Path(checkpoint)).is_dir():
        return folder, {"name": folder.resolve().name}
    from edge_router.conversion import hub

    if revision is None:
        raise ConfigError(
            f"{checkpoint}: no folder here; to take it from the hub, name its --revision, a commit hash or a tag: a "
            "branch moves, and the same command must import the same weights tomorrow"
        )
    folder = hub.fetch(checkpoint, revision, hub.cache())
    return folder, {"name": checkpoint, "revision": hub.commit(folder)}


def _print(made: "Imported", dry_run: bool) -> None:
    Console().print(_table(made.report.figures))
    version = f"version {made.version}, {made.report.format}, {sum(made.files.values()) / 1e6:.1f} MB"
    if dry_run:
        typer.echo(f"{version} would be written:")
        for name, size in made.files.items():
            typer.echo(f"  {name}  {size / 1e6:.1f} MB")
        typer.echo("pins would move in:")
        for name in made.moved:
            typer.echo(f"  {name}")
        return
    typer.echo(f"{version}, decides for {' and '.join(made.policies)}")
    typer.echo("a running server takes it at its next start, or with: edge-router models reload")


def _table(figures: Sequence[Mapping[str, Any]]) -> Table:
    """What was tried, one row a format."""
    table = Table("format", "MB", "least agreement", "score delta", "passes", box=None, pad_edge=False)
    for row in figures:
        agreement, delta = row.get("agreement"), row.get("delta")
        least = min(agreement.items(), key=lambda item: item[1]) if agreement else None
        table.add_row(
            row["format"],
            f"{row['bytes'] / 1e6:.1f}" if "bytes" in row else "",
            f"{least[1]:.1%} ({least[0]})" if least else "",
            "" if delta is None else f"{delta:.4f}",
            "yes" if row.get("passes", True) else "no",
        )
    return table
