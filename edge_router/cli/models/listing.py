"""`edge-router models list`: what the repository holds."""

from collections.abc import Mapping
from typing import Any, TypedDict

import orjson
import typer
from rich.console import Console
from rich.table import Column, Table

from edge_router.cli.options import JsonOption, OverridesOption, RepositoryOption, open_repository
from edge_router.contract import STAGE_PARAMETER
from edge_router.repository import Repository, config
from edge_router.repository.report import Report


class Row(TypedDict):
    """`networks`: by version, the format of the network and what the gate measured of it; of the network's model
    alone."""

    model: str
    versions: list[int]
    made_of: str
    bytes: int
    networks: Mapping[str, Mapping[str, Any]]


def list_models(
    json: JsonOption = False, repository: RepositoryOption = None, overrides: OverridesOption = None
) -> None:
    """List models, the versions served, what each is made of and how exact its network is."""
    opened = open_repository(repository, overrides)
    rows = [_row(opened, model) for model in opened.models]
    if json:
        typer.echo(orjson.dumps(rows, option=orjson.OPT_INDENT_2).decode())
        return
    table = Table("model", "serves", "MB", Column("made of", overflow="fold"), box=None, pad_edge=False)
    for row in rows:
        versions = ", ".join(map(str, row["versions"])) or "none"
        networks = [f"version {version}: {figures_line(found)}" for version, found in row["networks"].items()]
        made_of = "; ".join([row["made_of"], *networks])
        table.add_row(row["model"], versions, f"{row['bytes'] / 1e6:.1f}" if row["bytes"] else "", made_of)
    Console().print(table)


def figures_line(found: Mapping[str, Any]) -> str:
    """A format and its figures against fp32, as far as they were measured."""
    words = [str(found["format"])]
    if agreement := found.get("agreement"):
        words.append(f"every head as fp32 on {min(agreement.values()):.1%} of prompts or more")
    if found.get("delta") is not None:
        words.append(f"scores within {found['delta']:.3f} on 99%")
    return ", ".join(words)


def _row(repository: Repository, model: str) -> Row:
    found = repository.config(model)
    versions = repository.versions(model)
    steps = [f"{step.model_name}:{step.model_version}" for step in found.ensemble_scheduling.step]
    stage = config.parameters(found).get(STAGE_PARAMETER, "")
    files = [
        file for version in versions for file in repository.version_folder(model, version).glob("*") if file.is_file()
    ]
    reports = {version: Report.read(repository.version_folder(model, version)) for version in versions}
    return {
        "model": model,
        "versions": versions,
        "made_of": ", ".join(steps) or stage,
        "bytes": sum(file.stat().st_size for file in files),
        "networks": {str(version): report.figures[-1] for version, report in reports.items() if report},
    }
