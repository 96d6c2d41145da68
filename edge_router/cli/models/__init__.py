"""`edge-router models`; each subcommand has its own module."""

import typer

from edge_router.cli import retrace
from edge_router.cli.models import diff, importing, listing, pin, reload, verify

application = typer.Typer(help="Manage the models and versions of the repository.", no_args_is_help=True)
application.command("list")(listing.list_models)
application.command("import")(importing.import_checkpoint)
application.command("pin")(pin.pin)
application.command("rollback")(pin.rollback)
application.command("verify")(verify.verify)
application.command("diff")(diff.diff)
application.command("retrace")(retrace.retrace)
application.command("reload")(reload.reload_models)
