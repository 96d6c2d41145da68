"""`edge-router keys`: who may ask. A running controller takes a change within a second."""

from pathlib import Path
from typing import Annotated, TypeAlias

import orjson
import typer
from pydantic import ValidationError
from rich.console import Console
from rich.table import Table

from edge_router.cli.options import JsonOption
from edge_router.controller.auth.key_file import Key, KeyFile, digest, new_key
from edge_router.errors import ConfigError, NotFoundError, RequestError
from edge_router.validation import in_one_line

FileOption: TypeAlias = Annotated[
    Path, typer.Option("--keys", envvar="EDGE_ROUTER_KEYS", help="File of the keys; made where there is none.")
]
NameArgument: TypeAlias = Annotated[str, typer.Argument(help="Who holds the key.")]

application = typer.Typer(help="Access keys: who may ask, for which models, and how much.", no_args_is_help=True)


@application.command("add")
def add(
    name: NameArgument,
    file: FileOption,
    models: Annotated[
        str | None, typer.Option(help="Comma-separated upstreams or models it may reach; all by default.")
    ] = None,
    requests_per_minute: Annotated[int | None, typer.Option(min=1, show_default=False)] = None,
    tokens_per_minute: Annotated[int | None, typer.Option(min=1, show_default=False)] = None,
    local_only: Annotated[bool, typer.Option("--local-only", help="Its prompts must not leave the box.")] = False,
) -> None:
    """Make a key and print it. It is shown this once: the file keeps its digest."""
    kept = KeyFile.read(file).keys if file.exists() else ()
    if any(key.name == name for key in kept):
        raise RequestError(f"{file}: {name} has a key already; revoke it first, or take another name")
    secret = new_key()
    given = {
        "name": name,
        "sha256": digest(secret.encode()).hex(),
        "models": None if models is None else [part.strip() for part in models.split(",")],
        "requests_per_minute": requests_per_minute,
        "tokens_per_minute": tokens_per_minute,
        "local_only": local_only,
    }
    try:
        added = Key.model_validate(given)
    except ValidationError as error:
        raise ConfigError(in_one_line(error, Key)) from None
    KeyFile(keys=[*kept, added]).write(file)
    typer.echo(secret)


@application.command("list")
def listing(file: FileOption, json: JsonOption = False) -> None:
    """Show who holds a key."""
    rows = [key.model_dump(mode="json", exclude={"sha256"}) for key in KeyFile.read(file).keys]
    if json:
        typer.echo(orjson.dumps(rows).decode())
        return
    table = Table("name", "models", "requests/min", "tokens/min", "local only", box=None, pad_edge=False)
    for row in rows:
        models = "all" if row["models"] is None else ", ".join(row["models"])
        most = [str(row[name] or "-") for name in ("requests_per_minute", "tokens_per_minute")]
        table.add_row(row["name"], models, *most, "yes" if row["local_only"] else "no")
    Console().print(table)


@application.command("revoke")
def revoke(name: NameArgument, file: FileOption) -> None:
    """Take a key back. What it asked for already is still answered."""
    kept = KeyFile.read(file).keys
    left = [key for key in kept if key.name != name]
    if len(left) == len(kept):
        raise NotFoundError(f"{file}: {name} has no key; there are {', '.join(key.name for key in kept) or 'none'}")
    KeyFile(keys=left).write(file)
    typer.echo(f"{name} has no key any more")
