"""`edge-router models import`: imports a checkpoint as a new version."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from edge_router.cli.options import (
    APPLY,
    JsonOption,
    LayersOption,
    PolicyOption,
    RepositoryOption,
    open_layers,
    open_repository,
    print_json,
    select_policies,
)
from edge_router.errors import ConfigError

if TYPE_CHECKING:
    from edge_router.conversion.importer import ImportResult


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
            help="Revision of ORGANISATION/NAME: a commit hash or a tag, so that the same command always imports the "
            "same weights.",
            show_default=False,
        ),
    ] = None,
    version: Annotated[
        int | None, typer.Option(help="Number of the version; the next one by default.", min=1, show_default=False)
    ] = None,
    policy: PolicyOption = None,
    graph: Annotated[
        GraphKind,
        typer.Option(help="lean: a graph of our own in the smallest format that passes; plain: as torch exports it."),
    ] = GraphKind.LEAN,
    also: Annotated[
        list[Also] | None, typer.Option(help="Format to write besides the chosen one, for GPUs.", show_default=False)
    ] = None,
    prompts: Annotated[
        Path | None,
        typer.Option(help="JSON lines with prompt, to measure on; the checkout's by default.", show_default=False),
    ] = None,
    gate_prompts: Annotated[int, typer.Option(help="Number of prompts to measure each format on.", min=1)] = 1000,
    agreement: Annotated[
        float, typer.Option(help="Least share of prompts on which every head agrees with fp32.", min=0, max=1)
    ] = 0.995,
    delta: Annotated[float, typer.Option(help="Largest difference of a score on 99 of 100 prompts.", min=0)] = 0.02,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Convert and measure, but change nothing.")] = False,
    json: JsonOption = False,
    repository: RepositoryOption = None,
    overrides: LayersOption = None,
) -> None:
    """Import a checkpoint as a new version and switch to it. If a step fails, the repository stays as it is. Needs the
    extra `export`."""
    try:
        from edge_router.conversion.checkpoint import Checkpoint
        from edge_router.conversion.format_selection import Thresholds
        from edge_router.conversion.prompts import Prompts

        folder, source = _folder(checkpoint, revision)
        read, sample = Checkpoint.read(folder), Prompts.read(prompts, gate_prompts)
        from edge_router.conversion import importer  # loads torch, which takes seconds: check the arguments first
    except ImportError as error:
        raise ConfigError(f"{error.name} is missing: pip install 'edge-llm-router[export]'") from error
    from rich.progress import MofNCompleteColumn, Progress, TimeElapsedColumn

    opened = open_repository(repository, None)
    options = importer.ImportOptions(
        policies=select_policies(opened, policy) if policy else None,
        thresholds=Thresholds(agreement, delta),
        version=version,
        plain=graph is GraphKind.PLAIN,
        also=[each.value for each in also or ()],
        dry_run=dry_run,
    )
    columns = (*Progress.get_default_columns()[:-1], MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True)) as progress:
        result = importer.run(read, source, sample, opened, open_layers(opened, overrides), options, progress)
    if json:
        print_json(asdict(result))
    else:
        _print(result, dry_run)


def _folder(checkpoint: str, revision: str | None) -> tuple[Path, dict[str, str]]:
    """The folder of the checkpoint, downloaded if it is not one, and its source for the report."""
    if (folder := Path(checkpoint)).is_dir():
        return folder, {"name": folder.resolve().name}
    from edge_router.conversion import hub

    if revision is None:
        raise ConfigError(
            f"{checkpoint}: no such folder; to download it from the hub, add --revision with a commit hash or a tag"
        )
    folder = hub.fetch(checkpoint, revision, hub.cache())
    return folder, {"name": checkpoint, "revision": hub.commit(folder)}


def _print(result: "ImportResult", dry_run: bool) -> None:
    Console().print(_table(result.report.figures))
    version = f"version {result.version} ({result.report.format}, {sum(result.files.values()) / 1e6:.1f} MB)"
    if dry_run:
        typer.echo(f"{version} would be written:")
        for name, size in result.files.items():
            typer.echo(f"  {name}  {size / 1e6:.1f} MB")
        typer.echo("pins would change in:")
        for name in result.moved:
            typer.echo(f"  {name}")
        return
    typer.echo(f"{version} is pinned for {' and '.join(result.policies)}")
    typer.echo(APPLY)


def _table(figures: Sequence[Mapping[str, Any]]) -> Table:
    """The figures of the tried formats, one row each."""
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
