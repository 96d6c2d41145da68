"""`edge-router models verify`: checks the repository."""

import typer

from edge_router.cli.options import JsonOption, LayersOption, RepositoryOption, open_layers, open_repository, print_json
from edge_router.errors import RouterError
from edge_router.pipeline import smoke_test
from edge_router.repository import Repository
from edge_router.repository.integrity import problems


def verify(json: JsonOption = False, repository: RepositoryOption = None, overrides: LayersOption = None) -> None:
    """Check pins, layers and the SHA-256 of every version's files, then load the models and run a prompt. Exits with 1
    if something is wrong."""
    opened = open_repository(repository, None)
    found = [*problems(opened, open_layers(opened, overrides)), *_smoke_test(opened)]
    if json:
        print_json(found)
    else:
        typer.echo("\n".join(found) or f"{opened.path}: pins, layers and files are correct")
    raise typer.Exit(bool(found))


def _smoke_test(repository: Repository) -> list[str]:
    try:
        smoke_test(repository)
    except RouterError as error:
        return [str(error)]
    return []
