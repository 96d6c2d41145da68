"""The `edge-router` command: one module a verb."""

import sys

import typer

from edge_router import __version__
from edge_router.cli import bench, check, doctor, evaluate, explain, keys, models, route, serve, train, up
from edge_router.errors import RouterError

application = typer.Typer(
    name="edge-router",
    help="Classifies each prompt on this machine and sends it to the LLM that fits.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
application.command("up")(up.up)
application.command("serve")(serve.serve)
application.command("route")(route.route)
application.command("explain")(explain.explain)
application.command("check")(check.check)
application.command("doctor")(doctor.doctor)
application.command("bench")(bench.bench)
application.command("evaluate")(evaluate.evaluate)
application.command("train")(train.train)
application.add_typer(keys.application, name="keys")
application.add_typer(models.application, name="models")


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"edge-router {__version__}")
        raise typer.Exit


@application.callback()
def options(
    version: bool = typer.Option(False, "--version", callback=_version, is_eager=True, help="Print the version."),
) -> None:
    """Options of every verb."""


def main() -> None:
    """An error of ours is one line on standard error and exit code 2; anything else is a bug and shows itself."""
    try:
        application()
    except RouterError as error:
        sys.exit(_said(error))


def _said(error: RouterError) -> int:
    typer.echo(f"edge-router: {error}", err=True)
    return 2
