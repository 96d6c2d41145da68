"""`edge-router route`: the decision for one prompt, and the route it would take. Nothing is sent anywhere."""

import asyncio
import sys
from collections.abc import Mapping
from typing import Annotated, Any

import orjson
import typer
from rich.console import Console, Group
from rich.progress_bar import ProgressBar
from rich.table import Table

from edge_router.cli.dry_run import DryRunRequest, RepositoryClassifier, context
from edge_router.cli.options import JsonOption, OverridesOption, RepositoryOption, open_pipeline
from edge_router.cli.up import RoutesOption
from edge_router.controller.api import Message, RoutingHint, classified_text
from edge_router.controller.classifier.decision import Decision
from edge_router.controller.config import RouterConfig
from edge_router.controller.default_config import config_in_use
from edge_router.controller.routing.router import Router
from edge_router.controller.settings import Settings
from edge_router.settings import read

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
    message = Message("user", sys.stdin.read() if text == "-" else text)
    here = RepositoryClassifier(open_pipeline(repository, overrides))
    taken = config_in_use(routes, read(Settings), here.labels)
    taken.check_labels(here.labels)
    found = here.decisions(
        classified_text([message], earlier_turns=0, head_chars=taken.text.head_chars, tail_chars=taken.text.tail_chars)
    )
    upstreams = asyncio.run(_upstreams(message, taken, here))
    if json:
        typer.echo(orjson.dumps(_as_json(found, upstreams, taken), option=orjson.OPT_INDENT_2).decode())
    else:
        bars = (_as_bars(policy, found[policy], upstreams.get(policy), taken) for policy in found)
        Console(highlight=False).print(*bars, sep="\n")


async def _upstreams(message: Message, routes: RouterConfig, here: RepositoryClassifier) -> dict[str, str]:
    """The first upstream by policy, for a request that names this policy."""
    router, now = Router(routes, here), context({})
    plans = {
        policy: await router.plan(DryRunRequest([message], RoutingHint(policy)), now) for policy in routes.policies
    }
    return {policy: plan.upstreams[0] for policy, plan in plans.items()}


def _as_json(found: Mapping[str, Decision], upstreams: Mapping[str, str], routes: RouterConfig) -> dict[str, Any]:
    return {
        policy: {
            "label": decision.label,
            "confidence": decision.confidence,
            "score": decision.score,
            "probabilities": dict(decision.probabilities),
            "upstream": (upstream := upstreams.get(policy)),
            "model": routes.upstreams[upstream].model if upstream else None,
        }
        for policy, decision in found.items()
    }


def _as_bars(policy: str, decision: Decision, upstream: str | None, routes: RouterConfig) -> Group:
    target = f" -> {upstream} ({routes.upstreams[upstream].model})" if upstream else ""
    score = "" if decision.score is None else f", score {decision.score:.2f}"
    bars = Table.grid(padding=(0, 1))
    for label, share in sorted(decision.probabilities.items(), key=lambda item: -item[1]):
        if share >= SHOWN:
            bars.add_row(f"  {label}", ProgressBar(total=1, completed=share, width=BAR_WIDTH), f"{share:.0%}")
    return Group(f"[bold]{policy}[/bold]: {decision.label}{score}{target}", bars)
