"""`edge-router models verify`: whether the repository is what it says."""

import orjson
import typer

from edge_router.cli.options import JsonOption, LayersOption, RepositoryOption, open_layers, open_repository
from edge_router.errors import RouterError
from edge_router.pipeline import smoke_test
from edge_router.repository import Repository
from edge_router.repository.integrity import problems


def verify(json: JsonOption = False, repository: RepositoryOption = None, overrides: LayersOption = None) -> None:
    """Check pins, layers and the SHA-256 of every version's files, load what is served and ask it. Exit code 1 when
    something is wrong."""
    opened = open_repository(repository, None)
    found = [*problems(opened, open_layers(opened, overrides)), *_smoke_test(opened)]
    if json:
        typer.echo(orjson.dumps(found, option=orjson.OPT_INDENT_2).decode())
    else:
        typer.echo("\n".join(found) or f"{opened.path}: pins, layers and files are as they should be")
    raise typer.Exit(bool(found))


def _smoke_test(repository: Repository) -> list[str]:
    try:
        smoke_test(repository)
    except RouterError as error:
        return [str(error)]
    return []
