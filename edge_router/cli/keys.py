"""`edge-router keys`: adds, lists and revokes access keys. A running controller applies a change within a second."""

from pathlib import Path
from typing import Annotated, TypeAlias

import typer
from pydantic import ValidationError
from rich.console import Console
from rich.table import Table

from edge_router.cli.options import JsonOption, print_json
from edge_router.controller.auth import AccessKeyConfig, KeyFile, digest, new_secret
from edge_router.errors import ConfigError, NotFoundError, RequestError
from edge_router.validation import in_one_line

FileOption: TypeAlias = Annotated[
    Path,
    typer.Option("--keys", envvar="EDGE_ROUTER_KEYS", help="File of the access keys; `add` creates it."),
]
NameArgument: TypeAlias = Annotated[str, typer.Argument(help="Name of the key: a person or a device.")]

application = typer.Typer(help="Manage access keys, with their models and limits.", no_args_is_help=True)


@application.command("add")
def add(
    name: NameArgument,
    file: FileOption,
    models: Annotated[
        str | None, typer.Option(help="Upstreams or models that the key may use, separated by commas; all by default.")
    ] = None,
    requests_per_minute: Annotated[
        int | None, typer.Option(min=1, help="Limit of requests; none by default.", show_default=False)
    ] = None,
    tokens_per_minute: Annotated[
        int | None, typer.Option(min=1, help="Limit of tokens; none by default.", show_default=False)
    ] = None,
    local_only: Annotated[bool, typer.Option("--local-only", help="Send its prompts to local upstreams only.")] = False,
) -> None:
    """Create an access key and print it. It cannot be shown again: the file holds its digest only."""
    existing = KeyFile.read(file).keys if file.exists() else ()
    if any(key.name == name for key in existing):
        raise RequestError(f"{file}: {name} already has a key; revoke it first, or choose another name")
    secret = new_secret()
    fields = {
        "name": name,
        "sha256": digest(secret.encode()).hex(),
        "models": None if models is None else [part.strip() for part in models.split(",")],
        "requests_per_minute": requests_per_minute,
        "tokens_per_minute": tokens_per_minute,
        "local_only": local_only,
    }
    try:
        added = AccessKeyConfig.model_validate(fields)
    except ValidationError as error:
        raise ConfigError(in_one_line(error, AccessKeyConfig)) from None
    KeyFile(keys=[*existing, added]).write(file)
    typer.echo(secret)


@application.command("list")
def listing(file: FileOption, json: JsonOption = False) -> None:
    """List the access keys with their models and limits."""
    rows = [key.model_dump(mode="json", exclude={"sha256"}) for key in KeyFile.read(file).keys]
    if json:
        print_json(rows)
        return
    table = Table("name", "models", "requests/min", "tokens/min", "local only", box=None, pad_edge=False)
    for row in rows:
        models = "all" if row["models"] is None else ", ".join(row["models"])
        limits = [str(row[name] or "-") for name in ("requests_per_minute", "tokens_per_minute")]
        table.add_row(row["name"], models, *limits, "yes" if row["local_only"] else "no")
    Console().print(table)


@application.command("revoke")
def revoke(name: NameArgument, file: FileOption) -> None:
    """Revoke an access key. Requests that are in flight are still answered."""
    existing = KeyFile.read(file).keys
    remaining = [key for key in existing if key.name != name]
    if len(remaining) == len(existing):
        names = ", ".join(key.name for key in existing) or "none"
        raise NotFoundError(f"{file}: {name} has no key; the file holds {names}")
    KeyFile(keys=remaining).write(file)
    typer.echo(f"revoked the key of {name}")
