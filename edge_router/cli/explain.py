"""`edge-router explain`: every rule a prompt passes, why it matches or not, and where the prompt goes."""

import asyncio
import sys
from collections.abc import Sequence
from typing import Annotated, Any

import orjson
import typer

from edge_router.cli.dry_run import DryRunRequest, RepositoryClassifier, context
from edge_router.cli.options import JsonOption, OverridesOption, RepositoryOption, open_pipeline
from edge_router.cli.up import RoutesOption
from edge_router.contract import AUTO_MODEL
from edge_router.controller.api import (
    BYTES_PER_TOKEN,
    Message,
    RequestFeatures,
    RoutingHint,
    is_background_task,
)
from edge_router.controller.config import RouterConfig
from edge_router.controller.default_config import config_in_use
from edge_router.controller.routing.evaluation import RoutingStep
from edge_router.controller.routing.plan import Plan
from edge_router.controller.routing.router import Router
from edge_router.controller.settings import Settings
from edge_router.errors import RequestError
from edge_router.settings import read


def explain(
    text: Annotated[str, typer.Argument(help='The prompt; "-" reads it from standard input.')],
    model: Annotated[str, typer.Option(help="Model asked for.")] = AUTO_MODEL,
    header: Annotated[list[str] | None, typer.Option(help="A header of the request: NAME=VALUE.")] = None,
    tools: Annotated[bool, typer.Option("--tools", help="The request offers tools.")] = False,
    images: Annotated[bool, typer.Option("--images", help="It holds images.")] = False,
    response_format: Annotated[
        bool, typer.Option("--response-format", help="It wants the answer in a form, such as JSON.")
    ] = False,
    tokens: Annotated[
        int | None, typer.Option(min=0, help="Its length; the prompt's by default.", show_default=False)
    ] = None,
    user: Annotated[str | None, typer.Option(help="Who asks.")] = None,
    down: Annotated[list[str] | None, typer.Option(help="An upstream that is down.")] = None,
    json: JsonOption = False,
    routes: RoutesOption = None,
    repository: RepositoryOption = None,
    overrides: OverridesOption = None,
) -> None:
    """Walk the rules of routes.yaml with a prompt. Nothing is sent anywhere."""
    said = sys.stdin.read() if text == "-" else text
    here = RepositoryClassifier(open_pipeline(repository, overrides))
    taken = config_in_use(routes, read(Settings), here.labels)
    message = Message("user", said)
    features = RequestFeatures(
        tokens=len(said.encode("utf-8", "replace")) // BYTES_PER_TOKEN if tokens is None else tokens,
        tools=tools,
        images=images,
        response_format=response_format,
        background_task=is_background_task([message]),
    )
    asked = DryRunRequest([message], RoutingHint(model=model), features, user=user)
    taken.check_labels(here.labels)
    around = context(dict(map(_header, header or ())), frozenset(down or ()))
    plan, steps = asyncio.run(Router(taken, here).explain(asked, around))
    typer.echo(_as_json(plan, steps, taken) if json else "\n".join([*map(_line, steps), *_lines(plan, taken)]))


def _header(given: str) -> tuple[str, str]:
    name, equals, value = given.partition("=")
    if not (name and equals):
        raise RequestError(f"--header {name}: give it as NAME=VALUE")
    return name.lower(), value


def _line(step: RoutingStep) -> str:
    return f"  yes  {step.key}" if step.mismatch is None else f"  no   {step.key}: {step.mismatch}"


def _lines(plan: Plan, routes: RouterConfig) -> list[str]:
    """What is known of it, a line each."""
    models = [f"{name} ({routes.upstreams[name].model})" for name in plan.upstreams]
    decision = plan.decision
    known = {
        "goes to": ", then ".join(models),
        "by": plan.rule or plan.policy or plan.strategy,
        "decision": decision and f"{decision.label}, {decision.confidence:.0%} sure",
        "score": None if decision is None or decision.score is None else f"{decision.score:.2f}",
        "but": plan.degraded,
        "shadow": plan.shadow,
    }
    return [f"{name}: {value}" for name, value in known.items() if value is not None]


def _as_json(plan: Plan, steps: Sequence[RoutingStep], routes: RouterConfig) -> str:
    found: dict[str, Any] = {
        "steps": [{"key": step.key, "matches": step.mismatch is None, "why": step.mismatch} for step in steps],
        "upstreams": plan.upstreams,
        "models": [routes.upstreams[name].model for name in plan.upstreams],
        "policy": plan.policy,
        "rule": plan.rule,
        "label": plan.label,
        "confidence": plan.decision and plan.decision.confidence,
        "score": plan.decision and plan.decision.score,
        "degraded": plan.degraded,
        "shadow": plan.shadow,
    }
    return orjson.dumps(found, option=orjson.OPT_INDENT_2).decode()
