"""`edge-router models`: what the repository holds, and what a running server takes from it."""

from typing import Annotated, Any, TypedDict
from urllib.error import HTTPError
from urllib.parse import quote
from urllib.request import Request, urlopen

import orjson
import typer
from rich.console import Console
from rich.progress import track
from rich.table import Column, Table

from edge_router.cli.options import JsonOption, OverridesOption, RepositoryOption, open_repository
from edge_router.contract import ROUTER_SERVER_HTTP_PORT, STAGE_PARAMETER
from edge_router.errors import RequestError, UnavailableError
from edge_router.repository import Repository, config

application = typer.Typer(help="Models and versions of the repository.", no_args_is_help=True)

LOAD_SECONDS = 120


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


@application.command("reload")
def reload_models(
    models: Annotated[list[str] | None, typer.Argument(help="All that the server knows, without any.")] = None,
    url: Annotated[str, typer.Option(help="Of the server.")] = f"http://127.0.0.1:{ROUTER_SERVER_HTTP_PORT}",
) -> None:
    """Have a running server take its repository anew, without losing a request. It must run in model control mode
    explicit."""
    names = models or sorted({entry["name"] for entry in _asked(f"{url}/v2/repository/index")})
    for name in track(names, "loading", transient=True):
        _asked(f"{url}/v2/repository/models/{quote(name, safe='')}/load")
    typer.echo(f"{len(names)} models are loaded as they are on disk")


def _asked(url: str) -> Any:
    """The answer to an empty POST. Raises UnavailableError for no answer, RequestError for a refusal."""
    try:
        with urlopen(Request(url, b"", {"Content-Type": "application/json"}), timeout=LOAD_SECONDS) as reply:
            return orjson.loads(reply.read() or b"null")
    except HTTPError as error:
        raise RequestError(f"{url} answered {error.code}: {_reason(error.read())}") from error
    except OSError as error:
        raise UnavailableError(f"{url} does not answer: {getattr(error, 'reason', error)}") from error


def _reason(body: bytes) -> str:
    try:
        return str(orjson.loads(body)["error"])
    except (orjson.JSONDecodeError, KeyError, TypeError):
        return "it does not say why"


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
