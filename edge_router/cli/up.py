"""`edge-router up`: classifier and controller in one process, no Docker."""

from pathlib import Path
from typing import Annotated, TypeAlias

import typer

from edge_router.cli.options import OverridesOption, RepositoryOption, open_pipeline
from edge_router.contract import ROUTER_CONTROLLER_PORT
from edge_router.controller import demo
from edge_router.controller.classifier.local import LocalClassifier
from edge_router.controller.config import RouterConfig
from edge_router.controller.default_config import config_in_use
from edge_router.controller.runtime import Controller
from edge_router.controller.server import prepare, serve
from edge_router.controller.settings import Settings
from edge_router.settings import read

RoutesOption: TypeAlias = Annotated[
    Path | None,
    typer.Option(
        "--routes", help="routes.yaml; without it a running Ollama is used, else a demo upstream.", show_default=False
    ),
]


def up(
    routes: RoutesOption = None,
    host: Annotated[
        str | None, typer.Option(help="Address to listen on; beyond loopback only with keys.", show_default="127.0.0.1")
    ] = None,
    port: Annotated[int | None, typer.Option(min=1, max=65535, show_default=str(ROUTER_CONTROLLER_PORT))] = None,
    keys: Annotated[
        Path | None, typer.Option(help="File of the access keys; `edge-router keys add` makes one.")
    ] = None,
    insecure: Annotated[
        bool | None, typer.Option("--insecure", help="Listen beyond loopback without keys.", show_default=False)
    ] = None,
    repository: RepositoryOption = None,
    overrides: OverridesOption = None,
) -> None:
    """Serve the address for OpenAI's, Ollama's and Anthropic's clients on this machine."""
    given = {"host": host, "port": port, "keys": keys, "insecure": insecure}
    settings = read(Settings, **{name: value for name, value in given.items() if value is not None})
    who = prepare(settings)
    pipeline = open_pipeline(repository, overrides)
    taken = config_in_use(routes, settings, pipeline.policy_labels())
    controller = Controller(taken, settings, file=routes, local=LocalClassifier(pipeline), keys=who)
    for line in _greeting(taken, settings.host, settings.port):
        typer.echo(line)
    serve(controller, more=demo.routes(taken))


def _greeting(routes: RouterConfig, host: str, port: int) -> list[str]:
    listed = [f"  {name:<8} {target.model} at {target.url}" for name, target in routes.upstreams.items()]
    if demo.routes(routes):
        listed.append("  No Ollama found: the built-in demo answers, which is not a language model.")
    return [f"edge-router listens on http://{host}:{port}/v1 (Ctrl-C stops it)", "Upstreams:", *listed]
