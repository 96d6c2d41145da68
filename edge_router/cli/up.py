"""`edge-router up`: classifier and controller in one process, no Docker."""

from pathlib import Path
from typing import Annotated, TypeAlias

import typer

from edge_router.cli.options import OverridesOption, RepositoryOption, open_pipeline
from edge_router.contract import COMPLEXITY_ROUTER, ROUTER_CONTROLLER_PORT, TASK_ROUTER
from edge_router.controller import demo
from edge_router.controller.classifier.local import LocalClassifier
from edge_router.controller.config import RouterConfig, ollama_discovery
from edge_router.controller.controller import Controller
from edge_router.controller.server import prepare, serve
from edge_router.controller.settings import Settings
from edge_router.settings import read

RoutesOption: TypeAlias = Annotated[
    Path | None,
    typer.Option(
        "--routes", help="routes.yaml; without it a running Ollama is used, else a demo upstream.", show_default=False
    ),
]

LARGE_TASKS = ("Brainstorming", "Code Generation", "Summarization", "Text Generation")
DEMANDING = 0.5
"""Complexity score from which the large model answers."""


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
    taken = routes_in_use(routes, settings.port)
    pipeline = open_pipeline(repository, overrides)
    controller = Controller(taken, settings, file=routes, local=LocalClassifier(pipeline), keys=who)
    for line in _greeting(taken, settings.host, settings.port):
        typer.echo(line)
    serve(controller, more=demo.routes)


def routes_in_use(file: Path | None, port: int) -> RouterConfig:
    """The file's, else those over what runs here: Ollama's smallest and largest model, or the demo."""
    if file is not None:
        return RouterConfig.read(file)
    upstreams = ollama_discovery.upstreams(ollama_discovery.address()) or demo.upstreams(port)
    return RouterConfig.model_validate(
        {
            "upstreams": upstreams,
            "default": "small",
            "auto": TASK_ROUTER,
            "policies": {
                TASK_ROUTER: {"routes": dict.fromkeys(LARGE_TASKS, "large")},
                COMPLEXITY_ROUTER: {"score": [{"at_least": DEMANDING, "upstream": "large"}]},
            },
        }
    )


def _greeting(routes: RouterConfig, host: str, port: int) -> list[str]:
    listed = [f"  {name:<8} {target.model} at {target.url}" for name, target in routes.upstreams.items()]
    if any(target.model == demo.SMALL for target in routes.upstreams.values()):
        listed.append("  No Ollama found: the built-in demo answers, which is not a language model.")
    return [f"edge-router listens on http://{host}:{port}/v1 (Ctrl-C stops it)", "Upstreams:", *listed]
