"""`edge-router models pin` and `rollback`: which version decides."""

from pathlib import Path
from typing import Annotated

import typer

from edge_router.cli.options import LayersOption, PolicyOption, RepositoryOption, chosen, open_layers, open_repository
from edge_router.errors import NotFoundError
from edge_router.pipeline import smoke_test
from edge_router.repository import Repository, pins
from edge_router.repository.policies import policies


def pin(
    version: Annotated[int, typer.Argument(help="One that is in the repository.", min=1)],
    policy: PolicyOption = None,
    repository: RepositoryOption = None,
    overrides: LayersOption = None,
) -> None:
    """Have a version decide. It is loaded and asked first; the one before stays where it is."""
    opened = open_repository(repository, None)
    _move(opened, open_layers(opened, overrides), dict.fromkeys(chosen(opened, policy), version))


def rollback(policy: PolicyOption = None, repository: RepositoryOption = None, overrides: LayersOption = None) -> None:
    """Have the version below the present one decide."""
    opened = open_repository(repository, None)
    now = pins.read(opened)
    wanted = {each: _below(opened, each, now[each]) for each in chosen(opened, policy)}
    _move(opened, open_layers(opened, overrides), wanted)


def _move(repository: Repository, layers: list[Path], wanted: dict[str, int]) -> None:
    everything = {**pins.read(repository), **wanted}
    smoke_test(pins.moved(repository, everything))
    changed = pins.move(repository, layers, everything)
    for each, version in everything.items():
        typer.echo(f"{each} runs version {version}")
    if changed:
        typer.echo("a running server takes it at its next start, or with: edge-router models reload")


def _below(repository: Repository, policy: str, version: int) -> int:
    found = policies(repository)[policy]
    older = [each for each in pins.versions(repository) if each < version and pins.has(repository, found, each)]
    if not older:
        raise NotFoundError(f"{repository.path}: {policy} has no version below {version}")
    return older[-1]
