"""`edge-router models pin` and `rollback`: switch policies to a version."""

from pathlib import Path
from typing import Annotated

import typer

from edge_router.cli.options import (
    APPLY,
    LayersOption,
    PolicyOption,
    RepositoryOption,
    open_layers,
    open_repository,
    select_policies,
)
from edge_router.errors import NotFoundError
from edge_router.pipeline import smoke_test
from edge_router.repository import Repository, pins
from edge_router.repository.policies import policies


def pin(
    version: Annotated[int, typer.Argument(help="A version in the repository.", min=1)],
    policy: PolicyOption = None,
    repository: RepositoryOption = None,
    overrides: LayersOption = None,
) -> None:
    """Switch to a version after test-loading it. The previous version stays in the repository."""
    opened = open_repository(repository, None)
    _move(opened, open_layers(opened, overrides), dict.fromkeys(select_policies(opened, policy), version))


def rollback(policy: PolicyOption = None, repository: RepositoryOption = None, overrides: LayersOption = None) -> None:
    """Switch to the next lower version, after test-loading it."""
    opened = open_repository(repository, None)
    current = pins.read(opened)
    new_pins = {each: _lower_version(opened, each, current[each]) for each in select_policies(opened, policy)}
    _move(opened, open_layers(opened, overrides), new_pins)


def _move(repository: Repository, layers: list[Path], new_pins: dict[str, int]) -> None:
    all_pins = {**pins.read(repository), **new_pins}
    smoke_test(pins.preview(repository, all_pins))
    changed = pins.move(repository, layers, all_pins)
    for each, version in all_pins.items():
        typer.echo(f"{each} runs version {version}")
    if changed:
        typer.echo(APPLY)


def _lower_version(repository: Repository, name: str, version: int) -> int:
    policy = policies(repository)[name]
    lower = [
        each for each in pins.versions(repository) if each < version and pins.is_complete(repository, policy, each)
    ]
    if not lower:
        raise NotFoundError(f"{repository.path}: {name} has no version below {version}; import one or pin another")
    return lower[-1]
