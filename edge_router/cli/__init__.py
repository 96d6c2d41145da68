"""The `edge-router` command, with one module for each subcommand."""

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
    context_settings={"help_option_names": ["-h", "--help"]},
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
    """Options of the command itself."""


def main() -> None:
    """Runs the command. An expected error is a message on standard error and exit code 2. Any other error is a bug; its
    traceback is shown."""
    try:
        application()
    except RouterError as error:
        typer.echo(f"edge-router: {error}", err=True)
        sys.exit(2)
