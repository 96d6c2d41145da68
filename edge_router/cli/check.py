"""`edge-router check`: what a routes.yaml means, or everything that is wrong with it."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any

import orjson
import typer

from edge_router.cli.options import JsonOption, OverridesOption, RepositoryOption, open_repository
from edge_router.controller.config import ConfigDocument, RouterConfig, UpstreamConfig, schema
from edge_router.controller.config.references import label_problems, policy_problems
from edge_router.controller.default_config import config_in_use
from edge_router.controller.settings import Settings
from edge_router.errors import ConfigError
from edge_router.repository.policies import labels, policies
from edge_router.settings import model_repository, read
from edge_router.validation import Problem, dotted

Meaning = Mapping[str, Any]


def check(
    file: Annotated[
        Path | None, typer.Argument(help="The file; EDGE_ROUTER_ROUTES by default.", show_default=False)
    ] = None,
    json: JsonOption = False,
    as_schema: Annotated[
        bool, typer.Option("--schema", help="Print the JSON schema of such files, for an editor.")
    ] = False,
    repository: RepositoryOption = None,
    overrides: OverridesOption = None,
) -> None:
    """Say what a routes.yaml means. One that is wrong ends this with exit code 1 and every mistake by its line. With
    --repository the policies and labels in it are compared with those there; without, the policies with those of the
    package's repository, unless the file names the classifier."""
    if as_schema:
        typer.echo(schema())
        return
    try:
        settings = read(Settings)
        taken = file or settings.routes
        routes = config_in_use(taken, settings)
        if unknown := _unknown(routes, repository, overrides):
            raise ConfigDocument.read(taken).error(unknown)
    except ConfigError as error:
        problems = str(error).splitlines()
        typer.echo(orjson.dumps({"problems": problems}).decode() if json else "\n".join(problems), err=not json)
        raise typer.Exit(1) from None
    for notice in routes.deprecations:
        typer.echo(notice, err=True)
    meaning = _meaning(routes)
    typer.echo(orjson.dumps(meaning, option=orjson.OPT_INDENT_2).decode() if json else "\n".join(_lines(meaning)))


def _unknown(config: RouterConfig, repository: Path | None, overrides: Path | None) -> list[Problem]:
    """Policies and labels that the repository does not have; without --repository, policies of the package's own."""
    if repository is not None:
        return [*label_problems(config, labels(open_repository(repository, overrides)))]
    if config.classifier.urls:  # what decides is elsewhere
        return []
    known = policies(open_repository(None, overrides))
    return [
        (place, f"{problem}. This is the repository {model_repository()}; --repository names another")
        for place, problem in policy_problems(config, known)
    ]


def _meaning(routes: RouterConfig) -> Meaning:
    """By part of the file, what each name there stands for, in words."""
    tasks = {"background tasks of chat UIs": routes.background_tasks} if routes.background_tasks else {}
    embeddings = {"embeddings": routes.embeddings or "the model that is named"}
    return {
        "upstreams": {name: _upstream(upstream) for name, upstream in routes.upstreams.items()},
        "fallbacks": {name: ", then ".join(members) for name, members in routes.fallbacks.items()},
        "splits": {name: _split(parts) for name, parts in routes.splits.items()},
        "shadows": {name: f"{shadow.share:.0%} to {shadow.to} too" for name, shadow in routes.shadows.items()},
        "rules": {key: text for key, text in _rules(routes) if key.startswith("rules")},
        "auto": {"policy": routes.auto, **embeddings, **tasks},
        **{f"policy {name}": dict(_policy(name, routes)) for name in routes.policies},
        "affinity": _affinity(routes),
        "classified": _classified(routes),
    }


def _upstream(upstream: UpstreamConfig) -> str:
    where = "stays in this house" if upstream.is_local else "leaves this house"
    speaks = ", ".join(sorted(upstream.operations))
    key = f"; its key cannot be read here: {problem}" if (problem := _key_problem(upstream)) else ""
    return f"{upstream.model} at {upstream.url} ({upstream.kind}), {where}; answers {speaks}{key}"


def _key_problem(upstream: UpstreamConfig) -> str | None:
    try:
        if upstream.api_key:
            upstream.api_key.read()
    except ConfigError as error:
        return str(error)
    return None


def _split(parts: Mapping[str, float]) -> str:
    return ", ".join(f"{weight / sum(parts.values()):.0%} {name}" for name, weight in parts.items())


def _rules(routes: RouterConfig) -> Iterator[tuple[str, str]]:
    for place, rule in routes.all_rules():
        name = f" ({rule.name})" if rule.name else ""
        does = [*(["must not leave this house"] if rule.local_only else []), *([f"to {rule.to}"] if rule.to else [])]
        yield f"{dotted(place)}{name}", f"{rule.when}: {', '.join(does)}"


def _policy(name: str, routes: RouterConfig) -> Iterator[tuple[str, str]]:
    policy = routes.policies[name]
    yield from ((key, text) for key, text in _rules(routes) if key.startswith(f"policies.{name}."))
    least = policy.abstain or routes.abstain
    if least.confidence or least.margin:
        yield "abstain", f"below confidence {least.confidence:g} or margin {least.margin:g}: the default"
    yield from ((f"score from {rule.at_least:g}", rule.upstream) for rule in policy.score)
    yield from policy.routes.items()
    yield "else", policy.default or routes.default


def _affinity(routes: RouterConfig) -> Meaning:
    section = routes.affinity
    return {f"by {section.by}": f"{section.minutes:g} min, up in {', '.join(section.order)}"} if section else {}


def _classified(routes: RouterConfig) -> Meaning:
    turns = routes.text.earlier_turns
    earlier = f"with {turns} before it" if turns else "alone"
    urls = ", ".join(map(str, routes.classifier.urls))
    return {
        "text": f"the last user turn {earlier}, {routes.text.head_chars} + {routes.text.tail_chars} characters of it",
        "by": f"{urls or 'the network in the process'} within {routes.classifier.budget_ms} ms",
    }


def _lines(meaning: Meaning) -> Iterator[str]:
    for part, said in meaning.items():
        if said:
            yield part
            yield from (f"  {key}: {text}" for key, text in said.items())
