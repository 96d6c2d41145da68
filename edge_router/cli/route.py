"""`edge-router route`: the decision for one prompt, and the route it would take. Nothing is sent anywhere."""

import sys
from collections.abc import Mapping
from typing import Annotated, Any

import orjson
import typer
from rich.console import Console, Group
from rich.progress_bar import ProgressBar
from rich.table import Table

from edge_router.cli.options import JsonOption, OverridesOption, RepositoryOption, open_pipeline
from edge_router.cli.up import RoutesOption, routes_in_use
from edge_router.contract import POLICIES, PROMPT_ROUTER_ENSEMBLE, ROUTER_CONTROLLER_PORT, ensemble
from edge_router.controller.classification.classifier import prompt
from edge_router.controller.classification.decision import Decision, decisions
from edge_router.controller.routes.routes import Routes
from edge_router.controller.routing.policy import decided

BAR_WIDTH = 40
SHOWN = 0.005
"""Labels less probable than this are not drawn."""


def route(
    text: Annotated[str, typer.Argument(help='The prompt; "-" reads it from standard input.')],
    json: JsonOption = False,
    routes: RoutesOption = None,
    repository: RepositoryOption = None,
    overrides: OverridesOption = None,
) -> None:
    """Show how a prompt is classified and which upstream would answer it."""
    pipeline = open_pipeline(repository, overrides)
    labels = {policy: pipeline.labels(ensemble(policy)) for policy in POLICIES}
    outputs = pipeline.infer(PROMPT_ROUTER_ENSEMBLE, prompt(sys.stdin.read() if text == "-" else text))
    taken = routes_in_use(routes, ROUTER_CONTROLLER_PORT)
    taken.check_labels(labels)
    found = decisions(outputs, labels)
    if json:
        typer.echo(orjson.dumps(_as_json(found, taken), option=orjson.OPT_INDENT_2).decode())
    else:
        Console(highlight=False).print(*(_as_bars(policy, found[policy], taken) for policy in found), sep="\n")


def _upstream(policy: str, decision: Decision, routes: Routes) -> str | None:
    return decided(policy, decision, routes).upstream if policy in routes.policies else None


def _as_json(found: Mapping[str, Decision], routes: Routes) -> dict[str, Any]:
    return {
        policy: {
            "label": decision.label,
            "confidence": decision.confidence,
            "score": decision.score,
            "probabilities": dict(decision.probabilities),
            "upstream": (upstream := _upstream(policy, decision, routes)),
            "model": routes.upstreams[upstream].model if upstream else None,
        }
        for policy, decision in found.items()
    }


def _as_bars(policy: str, decision: Decision, routes: Routes) -> Group:
    upstream = _upstream(policy, decision, routes)
    target = f" -> {upstream} ({routes.upstreams[upstream].model})" if upstream else ""
    score = "" if decision.score is None else f", score {decision.score:.2f}"
    bars = Table.grid(padding=(0, 1))
    for label, share in sorted(decision.probabilities.items(), key=lambda item: -item[1]):
        if share >= SHOWN:
            bars.add_row(f"  {label}", ProgressBar(total=1, completed=share, width=BAR_WIDTH), f"{share:.0%}")
    return Group(f"[bold]{policy}[/bold]: {decision.label}{score}{target}", bars)
