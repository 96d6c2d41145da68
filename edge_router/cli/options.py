"""Options that several subcommands share, and functions that open what they name."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, TypeAlias

import msgspec
import typer

from edge_router.errors import ConfigError
from edge_router.pipeline import Pipeline, ensembles
from edge_router.repository import Repository
from edge_router.repository.policies import policies
from edge_router.settings import model_repository
from edge_router.validation import suggestion

RepositoryOption: TypeAlias = Annotated[
    Path | None,
    typer.Option("--repository", help="Model repository; the package's own by default.", show_default=False),
]
OverridesOption: TypeAlias = Annotated[
    Path | None,
    typer.Option(
        "--overrides",
        help="Layer: a folder whose config.pbtxt files replace those of the repository.",
        show_default=False,
    ),
]
LayersOption: TypeAlias = Annotated[
    Path | None,
    typer.Option(
        "--overrides",
        help="Folder of layers whose pins change too; `overrides` beside the repository by default.",
        show_default=False,
    ),
]
PolicyOption: TypeAlias = Annotated[
    list[str] | None,
    typer.Option("--policy", help="A policy of the repository; every policy by default.", show_default=False),
]
RoutesOption: TypeAlias = Annotated[
    Path | None,
    typer.Option(
        "--routes",
        help="routes.yaml; without it the models of a running Ollama are used, else a demo upstream.",
        show_default=False,
    ),
]
JsonOption: TypeAlias = Annotated[bool, typer.Option("--json", help="Print JSON.")]

APPLY = "restart the server to use it; a server with --model-control explicit loads it with: edge-router models reload"
"""The hint after a change of pins."""


def open_repository(path: Path | None, overrides: Path | None) -> Repository:
    return Repository(path or model_repository(), overrides)


def open_layers(repository: Repository, overrides: Path | None) -> list[Path]:
    """The folders of the layers. Raises ConfigError if `overrides` is given and does not exist."""
    if overrides is not None and not overrides.is_dir():
        raise ConfigError(f"--overrides: no folder at {overrides}; name the folder that holds the layers")
    folder = overrides or repository.path.resolve().parent / "overrides"
    return sorted(layer for layer in folder.glob("*") if layer.is_dir())


def open_pipeline(path: Path | None, overrides: Path | None) -> Pipeline:
    """Loads the ensemble of every policy. They share their stages."""
    repository = open_repository(path, overrides)
    return Pipeline.load(repository, ensembles(repository))


def select_policies(repository: Repository, named: Sequence[str] | None) -> list[str]:
    """The policies that --policy names, or all of the repository. Raises ConfigError for an unknown one."""
    known = list(policies(repository))
    for name in named or ():
        if name not in known:
            raise ConfigError(f"--policy {name}: no such policy in {repository.path}; {suggestion(name, known)}")
    return list(named or known)


def print_json(content: object) -> None:
    """Prints `content` as indented JSON."""
    typer.echo(msgspec.json.format(msgspec.json.encode(content)).decode())
