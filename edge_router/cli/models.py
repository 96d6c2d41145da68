"""`edge-router models`: what the repository holds."""

from typing import TypedDict

import orjson
import typer
from rich.console import Console
from rich.table import Column, Table

from edge_router.cli.options import JsonOption, OverridesOption, RepositoryOption, open_repository
from edge_router.contract import STAGE_PARAMETER
from edge_router.repository import Repository, config

application = typer.Typer(help="Models and versions of the repository.", no_args_is_help=True)


@application.callback()
def verbs() -> None:
    """Keeps `models` a group while it has one verb."""


@application.command("list")
def list_models(
    json: JsonOption = False, repository: RepositoryOption = None, overrides: OverridesOption = None
) -> None:
    """List models, the versions served and what each is made of."""
    opened = open_repository(repository, overrides)
    rows = [_row(opened, model) for model in opened.models]
    if json:
        typer.echo(orjson.dumps(rows, option=orjson.OPT_INDENT_2).decode())
        return
    table = Table("model", "serves", "MB", Column("made of", overflow="fold"), box=None, pad_edge=False)
    for row in rows:
        versions = ", ".join(map(str, row["versions"])) or "none"
        table.add_row(row["model"], versions, f"{row['bytes'] / 1e6:.1f}" if row["bytes"] else "", row["made_of"])
    Console().print(table)


class Row(TypedDict):
    model: str
    versions: list[int]
    made_of: str
    bytes: int


def _row(repository: Repository, model: str) -> Row:
    found = repository.config(model)
    versions = repository.versions(model)
    steps = [f"{step.model_name}:{step.model_version}" for step in found.ensemble_scheduling.step]
    stage = config.parameters(found).get(STAGE_PARAMETER, "")
    files = [
        file for version in versions for file in repository.version_folder(model, version).glob("*") if file.is_file()
    ]
    return {
        "model": model,
        "versions": versions,
        "made_of": ", ".join(steps) or stage,
        "bytes": sum(file.stat().st_size for file in files),
    }
