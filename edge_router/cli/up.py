"""`edge-router up`: runs classifier and controller in one process, without Docker."""

from pathlib import Path
from typing import Annotated

import typer

from edge_router.cli.options import OverridesOption, RepositoryOption, RoutesOption, open_pipeline
from edge_router.contract import ROUTER_CONTROLLER_PORT
from edge_router.controller import demo
from edge_router.controller.classifier.local import LocalClassifier
from edge_router.controller.config import RouterConfig
from edge_router.controller.effective_config import effective_config
from edge_router.controller.runtime import Controller
from edge_router.controller.server import prepare, serve
from edge_router.controller.settings import Settings
from edge_router.settings import read


def up(
    routes: RoutesOption = None,
    host: Annotated[
        str | None,
        typer.Option(help="Address to listen on, 127.0.0.1 by default; others need access keys.", show_default=False),
    ] = None,
    port: Annotated[
        int | None,
        typer.Option(
            min=1, max=65535, help=f"Port to listen on, {ROUTER_CONTROLLER_PORT} by default.", show_default=False
        ),
    ] = None,
    keys: Annotated[
        Path | None, typer.Option(help="File of the access keys; `edge-router keys add` creates one.")
    ] = None,
    insecure: Annotated[
        bool | None,
        typer.Option("--insecure", help="Allow an address beyond loopback without access keys.", show_default=False),
    ] = None,
    repository: RepositoryOption = None,
    overrides: OverridesOption = None,
) -> None:
    """Run classifier and controller in one process: one address for OpenAI, Ollama and Anthropic clients."""
    options = {"host": host, "port": port, "keys": keys, "insecure": insecure}
    settings = read(Settings, **{name: value for name, value in options.items() if value is not None})
    access_keys = prepare(settings)
    pipeline = open_pipeline(repository, overrides)
    config = effective_config(routes, settings, pipeline.policy_labels())
    controller = Controller(config, settings, file=routes, local=LocalClassifier(pipeline), keys=access_keys)
    for line in _banner(config, settings.host, settings.port):
        typer.echo(line)
    serve(controller, extra_routes=demo.routes(config))


def _banner(config: RouterConfig, host: str, port: int) -> list[str]:
    upstreams = [f"  {name:<8} {upstream.model} at {upstream.url}" for name, upstream in config.upstreams.items()]
    if demo.routes(config):
        upstreams.append("  No Ollama found: the built-in demo answers, which is not a language model.")
    return [f"edge-router listens on http://{host}:{port}/v1 (Ctrl-C stops it)", "Upstreams:", *upstreams]
