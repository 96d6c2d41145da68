"""`edge-router models diff`: compares two versions."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import track
from rich.table import Column, Table

from edge_router.cli.options import JsonOption, RepositoryOption, open_repository, print_json
from edge_router.contract import DECISION_FILE, OUTPUT, ensemble
from edge_router.controller.classifier import ensemble_request
from edge_router.conversion.prompts import read
from edge_router.errors import NotFoundError
from edge_router.pipeline import Pipeline
from edge_router.repository import Repository, pins
from edge_router.repository.policies import policies
from edge_router.repository.report import Report, sha256
from edge_router.stages.decide import DecisionRules


def diff(
    one: Annotated[int, typer.Argument(help="A version.", min=1)],
    other: Annotated[int, typer.Argument(help="Another version.", min=1)],
    prompts: Annotated[
        Path | None,
        typer.Option(help="JSON lines with prompt, to count the decisions that differ.", show_default=False),
    ] = None,
    json: JsonOption = False,
    repository: RepositoryOption = None,
) -> None:
    """Show the differences between two versions: tokenizer, heads, labels, format, size and, with --prompts,
    decisions."""
    opened = open_repository(repository, None)
    before, after = (_facts(opened, version) for version in (one, other))
    names = [name for name in dict.fromkeys([*before, *after]) if before.get(name) != after.get(name)]
    rows = {name: [before.get(name, ""), after.get(name, "")] for name in names}
    counts = _decisions(opened, one, other, read(prompts)) if prompts else {}
    if json:
        print_json({"differs": rows, "decisions": counts})
        return
    table = Table("", Column(str(one), overflow="fold"), Column(str(other), overflow="fold"), box=None, pad_edge=False)
    for name, pair in rows.items():
        table.add_row(name, *pair)
    Console().print(table if rows else f"versions {one} and {other} have the same content")
    for policy, count in counts.items():
        typer.echo(f"{policy}: the decisions differ for {count['differ']} of {count['prompts']} prompts")


def _facts(repository: Repository, version: int) -> dict[str, str]:
    """The facts about a version, as texts by name. Raises NotFoundError when there is no such version."""
    if version not in (existing := pins.versions(repository)):
        raise NotFoundError(f"{repository.path}: no version {version}; it has {', '.join(map(str, existing))}")
    complete = [policy for policy in policies(repository).values() if pins.is_complete(repository, policy, version)]
    facts: dict[str, str] = {}
    for folder in (repository.version_folder(policy.preprocessing, version) for policy in complete):
        facts |= {f"text: {file.name}": sha256(file)[:12] for file in sorted(folder.glob("*")) if file.suffix != ".py"}
    for folder in (repository.version_folder(policy.network, version) for policy in complete):
        report = Report.read(folder)
        facts["format"] = report.format if report else "unknown"
        files = sorted(folder.glob("model.*"))
        facts |= {f"network: {file.name}, MB": f"{file.stat().st_size / 1e6:.1f}" for file in files}
    for policy in complete:
        file = repository.version_folder(policy.postprocessing, version) / DECISION_FILE
        rules = DecisionRules.read(file)
        facts[f"{policy.name}: {file.name}"] = sha256(file)[:12]
        facts[f"{policy.name}: heads"] = ", ".join(f"{head.name} {head.size}" for head in rules.heads)
        facts[f"{policy.name}: labels"] = ", ".join(rules.labels)
    return facts


def _decisions(repository: Repository, one: int, other: int, prompts: Sequence[str]) -> dict[str, Mapping[str, int]]:
    """The number of prompts with different decisions, for each policy that has both versions."""
    known = policies(repository).values()
    shared = [
        policy.name for policy in known if all(pins.is_complete(repository, policy, each) for each in (one, other))
    ]
    before, after = (_labels(repository, version, shared, prompts) for version in (one, other))
    return {
        policy: {"differ": sum(map(str.__ne__, before[policy], after[policy])), "prompts": len(prompts)}
        for policy in shared
    }


def _labels(
    repository: Repository, version: int, policies: Sequence[str], prompts: Sequence[str]
) -> dict[str, list[str]]:
    new_pins = {**pins.read(repository), **dict.fromkeys(policies, version)}
    pipeline = Pipeline.load(pins.preview(repository, new_pins), [*map(ensemble, policies)])
    labels: dict[str, list[str]] = {policy: [] for policy in policies}
    for text in track(prompts, f"version {version}", transient=True, console=Console(stderr=True)):
        for policy in policies:
            best = int(pipeline.infer(ensemble(policy), ensemble_request(text))[OUTPUT].argmax())
            labels[policy].append(pipeline.labels(ensemble(policy))[best])
    return labels
