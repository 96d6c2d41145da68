"""`edge-router models list`: lists the models of the repository."""

from collections.abc import Mapping
from typing import Any, TypedDict

from rich.console import Console
from rich.table import Column, Table

from edge_router.cli.options import JsonOption, OverridesOption, RepositoryOption, open_repository, print_json
from edge_router.contract import STAGE_PARAMETER
from edge_router.repository import Repository, config
from edge_router.repository.report import Report


class ModelRow(TypedDict):
    """A model in the list. `made_of`: the steps of an ensemble or the stage; `networks`: format and figures of the
    network, by version."""

    model: str
    versions: list[int]
    made_of: str
    bytes: int
    networks: Mapping[str, Mapping[str, Any]]


def list_models(
    json: JsonOption = False, repository: RepositoryOption = None, overrides: OverridesOption = None
) -> None:
    """List the models with their served versions, their steps or stages, and the accuracy of their network format."""
    opened = open_repository(repository, overrides)
    rows = [_row(opened, model) for model in opened.models]
    if json:
        print_json(rows)
        return
    table = Table("model", "versions", "MB", Column("made of", overflow="fold"), box=None, pad_edge=False)
    for row in rows:
        versions = ", ".join(map(str, row["versions"])) or "none"
        networks = [f"version {version}: {figures_line(figures)}" for version, figures in row["networks"].items()]
        made_of = "; ".join([row["made_of"], *networks])
        table.add_row(row["model"], versions, f"{row['bytes'] / 1e6:.1f}" if row["bytes"] else "", made_of)
    Console().print(table)


def figures_line(figures: Mapping[str, Any]) -> str:
    """A network's format and its measured differences from fp32."""
    words = [str(figures["format"])]
    if agreement := figures.get("agreement"):
        words.append(f"agrees with fp32 on at least {min(agreement.values()):.1%} of prompts")
    if figures.get("delta") is not None:
        words.append(f"scores within {figures['delta']:.3f} of fp32 on 99% of prompts")
    return ", ".join(words)


def _row(repository: Repository, model: str) -> ModelRow:
    model_config = repository.config(model)
    versions = repository.versions(model)
    steps = [f"{step.model_name}:{step.model_version}" for step in model_config.ensemble_scheduling.step]
    stage = config.parameters(model_config).get(STAGE_PARAMETER, "")
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
