"""Options that several verbs share, and what they open."""

from pathlib import Path
from typing import Annotated, TypeAlias

import typer

from edge_router.contract import POLICIES, PROMPT_ROUTER_ENSEMBLE, ensemble
from edge_router.pipeline import Pipeline
from edge_router.repository import Repository
from edge_router.settings import model_repository

RepositoryOption: TypeAlias = Annotated[
    Path | None,
    typer.Option("--repository", help="Model repository; the package's own by default.", show_default=False),
]
OverridesOption: TypeAlias = Annotated[
    Path | None, typer.Option("--overrides", help="Layer: a tree of config.pbtxt files.", show_default=False)
]
JsonOption: TypeAlias = Annotated[bool, typer.Option("--json", help="Print JSON for a machine.")]


def open_repository(path: Path | None, overrides: Path | None) -> Repository:
    return Repository(path or model_repository(), overrides)


def open_pipeline(path: Path | None, overrides: Path | None) -> Pipeline:
    """Every policy's ensemble: they share their stages, and each knows the labels of its policy."""
    return Pipeline.load(open_repository(path, overrides), [PROMPT_ROUTER_ENSEMBLE, *map(ensemble, POLICIES)])
