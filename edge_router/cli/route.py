"""`edge-router route`: shows the decision for one prompt and its upstream. Nothing is sent to an upstream."""

import asyncio
from collections.abc import Mapping
from typing import Annotated, Any

import typer
from rich.console import Console, Group
from rich.progress_bar import ProgressBar
from rich.table import Table

from edge_router.cli.dry_run import DryRun, DryRunRequest, context, user_message
from edge_router.cli.options import JsonOption, OverridesOption, RepositoryOption, RoutesOption, print_json
from edge_router.controller.api import Message, RoutingHint, classified_text
from edge_router.controller.classifier.decision import Decision
from edge_router.controller.config import RouterConfig

BAR_WIDTH = 40
MIN_PROBABILITY = 0.005
"""Labels with a lower probability are not shown."""


def route(
    text: Annotated[str, typer.Argument(help='The prompt; "-" reads standard input.')],
    json: JsonOption = False,
    routes: RoutesOption = None,
    repository: RepositoryOption = None,
    overrides: OverridesOption = None,
) -> None:
    """Show how a prompt is classified and which upstream would answer it."""
    message = user_message(text)
    dry_run = DryRun.open(routes, repository, overrides)
    limits = dry_run.config.text
    decisions = dry_run.classifier.decisions(
        classified_text([message], earlier_turns=0, head_chars=limits.head_chars, tail_chars=limits.tail_chars)
    )
    upstreams = asyncio.run(_upstreams(message, dry_run))
    if json:
        print_json(_as_json(decisions, upstreams, dry_run.config))
    else:
        bars = (_as_bars(policy, decisions[policy], upstreams.get(policy), dry_run.config) for policy in decisions)
        Console(highlight=False).print(*bars, sep="\n")


async def _upstreams(message: Message, dry_run: DryRun) -> dict[str, str]:
    """The first upstream by policy, for a request that names this policy."""
    router, now = dry_run.router, context({})
    requests = {policy: DryRunRequest([message], RoutingHint(policy)) for policy in dry_run.config.policies}
    plans = {policy: await router.plan(request, now) for policy, request in requests.items()}
    return {policy: plan.upstreams[0] for policy, plan in plans.items()}


def _as_json(decisions: Mapping[str, Decision], upstreams: Mapping[str, str], config: RouterConfig) -> dict[str, Any]:
    return {
        policy: {
            "label": decision.label,
            "confidence": decision.confidence,
            "score": decision.score,
            "probabilities": dict(decision.probabilities),
            "upstream": (upstream := upstreams.get(policy)),
            "model": config.upstreams[upstream].model if upstream else None,
        }
        for policy, decision in decisions.items()
    }


def _as_bars(policy: str, decision: Decision, upstream: str | None, config: RouterConfig) -> Group:
    target = f" -> {upstream} ({config.upstreams[upstream].model})" if upstream else ""
    score = "" if decision.score is None else f", score {decision.score:.2f}"
    bars = Table.grid(padding=(0, 1))
    for label, share in sorted(decision.probabilities.items(), key=lambda item: -item[1]):
        if share >= MIN_PROBABILITY:
            bars.add_row(f"  {label}", ProgressBar(total=1, completed=share, width=BAR_WIDTH), f"{share:.0%}")
    return Group(f"[bold]{policy}[/bold]: {decision.label}{score}{target}", bars)
