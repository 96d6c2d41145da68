"""`edge-router up`: classifier and controller in one process, no Docker."""

from pathlib import Path
from typing import Annotated, TypeAlias

import typer

from edge_router.asgi.process import check_free
from edge_router.cli.options import OverridesOption, RepositoryOption, open_pipeline
from edge_router.contract import COMPLEXITY_ROUTER, ROUTER_CONTROLLER_PORT, TASK_ROUTER
from edge_router.controller import demo
from edge_router.controller.app import app
from edge_router.controller.classification.local import LocalClassifier
from edge_router.controller.routes import ollama
from edge_router.controller.routes.routes import Routes
from edge_router.controller.server import serve
from edge_router.controller.settings import Limits
from edge_router.errors import ConfigError
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
LOOPBACK = ("127.0.0.1", "::1", "localhost")


def up(
    routes: RoutesOption = None,
    host: Annotated[
        str, typer.Option(help="Address to listen on; there are no keys yet, so only loopback.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65535)] = ROUTER_CONTROLLER_PORT,
    repository: RepositoryOption = None,
    overrides: OverridesOption = None,
) -> None:
    """Serve the OpenAI-compatible address on this machine."""
    if host not in LOOPBACK:
        raise ConfigError(
            f"--host {host}: only loopback ({', '.join(LOOPBACK)}); put a proxy with access control in front"
        )
    check_free(host, port)
    taken = routes_in_use(routes, port)
    pipeline = open_pipeline(repository, overrides)
    limits = read(Limits)
    application = app(taken, lambda session: LocalClassifier(pipeline), limits, more=demo.routes)
    for line in _greeting(taken, host, port):
        typer.echo(line)
    serve(application, host, port, limits)


def routes_in_use(file: Path | None, port: int) -> Routes:
    """The file's, else those over what runs here: Ollama's smallest and largest model, or the demo."""
    if file is not None:
        return Routes.read(file)
    upstreams = ollama.upstreams(ollama.address()) or demo.upstreams(port)
    return Routes.model_validate(
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


def _greeting(routes: Routes, host: str, port: int) -> list[str]:
    listed = [f"  {name:<8} {target.model} at {target.url}" for name, target in routes.upstreams.items()]
    if any(target.model == demo.SMALL for target in routes.upstreams.values()):
        listed.append("  No Ollama found: the built-in demo answers, which is not a language model.")
    return [f"edge-router listens on http://{host}:{port}/v1 (Ctrl-C stops it)", "Upstreams:", *listed]
