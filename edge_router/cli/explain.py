"""`edge-router explain`: shows each rule that a prompt passes, why it matches or not, and where the prompt goes."""

import asyncio
from collections.abc import Sequence
from typing import Annotated, Any

import typer

from edge_router.cli.dry_run import DryRun, DryRunRequest, context, user_message
from edge_router.cli.options import JsonOption, OverridesOption, RepositoryOption, RoutesOption, print_json
from edge_router.contract import AUTO_MODEL
from edge_router.controller.api import (
    BYTES_PER_TOKEN,
    RequestFeatures,
    RoutingHint,
    is_background_task,
)
from edge_router.controller.config import RouterConfig
from edge_router.controller.routing import Plan, RoutingStep
from edge_router.errors import RequestError
from edge_router.validation import suggestion


def explain(
    text: Annotated[str, typer.Argument(help='The prompt; "-" reads standard input.')],
    model: Annotated[str, typer.Option(help="Model that the request names.")] = AUTO_MODEL,
    header: Annotated[list[str] | None, typer.Option(help="Header of the request: NAME=VALUE.")] = None,
    tools: Annotated[bool, typer.Option("--tools", help="The request offers tools.")] = False,
    images: Annotated[bool, typer.Option("--images", help="The request holds images.")] = False,
    response_format: Annotated[
        bool, typer.Option("--response-format", help="The request asks for an answer format such as JSON.")
    ] = False,
    tokens: Annotated[
        int | None,
        typer.Option(min=0, help="Tokens of the request; those of the prompt by default.", show_default=False),
    ] = None,
    user: Annotated[str | None, typer.Option(help="User that the request names.")] = None,
    down: Annotated[list[str] | None, typer.Option(help="Name of an upstream that is down.")] = None,
    json: JsonOption = False,
    routes: RoutesOption = None,
    repository: RepositoryOption = None,
    overrides: OverridesOption = None,
) -> None:
    """Show which rules of routes.yaml match a prompt, and which upstream it would go to."""
    message = user_message(text)
    features = RequestFeatures(
        tokens=len(message.text.encode("utf-8", "replace")) // BYTES_PER_TOKEN if tokens is None else tokens,
        tools=tools,
        images=images,
        response_format=response_format,
        background_task=is_background_task([message]),
    )
    request = DryRunRequest([message], RoutingHint(model=model), features, user=user)
    dry_run = DryRun.open(routes, repository, overrides)
    for name in down or ():
        if name not in dry_run.config.upstreams:
            raise RequestError(f"--down {name}: not an upstream; {suggestion(name, dry_run.config.upstreams)}")
    situation = context(dict(map(_header, header or ())), frozenset(down or ()))
    plan, steps = asyncio.run(dry_run.router.explain(request, situation))
    if json:
        print_json(_as_json(plan, steps, dry_run.config))
    else:
        typer.echo("\n".join([*map(_line, steps), *_lines(plan, dry_run.config)]))


def _header(given: str) -> tuple[str, str]:
    name, equals, value = given.partition("=")
    if not (name and equals):
        raise RequestError(f"--header {name}: must be NAME=VALUE")
    return name.lower(), value


def _line(step: RoutingStep) -> str:
    return f"  yes  {step.key}" if step.mismatch is None else f"  no   {step.key}: {step.mismatch}"


def _lines(plan: Plan, config: RouterConfig) -> list[str]:
    """One line for each thing that the plan says."""
    models = [f"{name} ({config.upstreams[name].model})" for name in plan.upstreams]
    decision = plan.decision
    facts = {
        "goes to": ", then ".join(models),
        "decided by": plan.rule or plan.policy or plan.strategy,
        "decision": decision and f"{decision.label}, confidence {decision.confidence:.0%}",
        "score": None if decision is None or decision.score is None else f"{decision.score:.2f}",
        "degraded": plan.degraded,
        "shadow": plan.shadow,
    }
    return [f"{name}: {value}" for name, value in facts.items() if value is not None]


def _as_json(plan: Plan, steps: Sequence[RoutingStep], config: RouterConfig) -> dict[str, Any]:
    return {
        "steps": [{"key": step.key, "matches": step.mismatch is None, "why": step.mismatch} for step in steps],
        "upstreams": plan.upstreams,
        "models": [config.upstreams[name].model for name in plan.upstreams],
        "policy": plan.policy,
        "rule": plan.rule,
        "label": plan.label,
        "confidence": plan.decision and plan.decision.confidence,
        "score": plan.decision and plan.decision.score,
        "degraded": plan.degraded,
        "shadow": plan.shadow,
    }
