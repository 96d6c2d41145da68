"""`edge-router check`: explains a routes.yaml, or lists its mistakes."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated

import typer

from edge_router.cli.options import JsonOption, OverridesOption, RepositoryOption, open_repository, print_json
from edge_router.controller.config import AbstainConfig, ConfigDocument, RouterConfig, UpstreamConfig, schema
from edge_router.controller.config.references import label_problems, policy_problems
from edge_router.controller.effective_config import effective_config
from edge_router.controller.settings import Settings
from edge_router.errors import ConfigError
from edge_router.repository.policies import labels, policies
from edge_router.settings import model_repository, read
from edge_router.validation import Problem, dotted

Section = Mapping[str, str]
"""Explanations by name."""


def check(
    file: Annotated[
        Path | None, typer.Argument(help="The file; EDGE_ROUTER_ROUTES by default.", show_default=False)
    ] = None,
    json: JsonOption = False,
    as_schema: Annotated[
        bool, typer.Option("--schema", help="Print the JSON schema of routes.yaml for editors.")
    ] = False,
    repository: RepositoryOption = None,
    overrides: OverridesOption = None,
) -> None:
    """Explain a routes.yaml, or list its mistakes by line and exit with 1.

    With --repository, policies and labels must be those of that repository. Without it, policies must be those of the
    package's repository, unless the file names a classifier.
    """
    if as_schema:
        typer.echo(schema())
        return
    try:
        settings = read(Settings)
        source = file or settings.routes
        config = effective_config(source, settings)
        if unknown := _unknown(config, repository, overrides):
            raise ConfigDocument.read(source).error(unknown)
    except ConfigError as error:
        problems = str(error).splitlines()
        if json:
            print_json({"problems": problems})
        else:
            typer.echo("\n".join(problems), err=True)
        raise typer.Exit(1) from None
    for notice in config.deprecations:
        typer.echo(notice, err=True)
    sections = _sections(config)
    if json:
        print_json(sections)
    else:
        typer.echo("\n".join(_lines(sections)))


def _unknown(config: RouterConfig, repository: Path | None, overrides: Path | None) -> list[Problem]:
    """Policies and labels that the repository does not have; without --repository, policies of the package's own."""
    if repository is not None:
        return [*label_problems(config, labels(open_repository(repository, overrides)))]
    if config.classifier.urls:  # the policies are those of another repository
        return []
    known = policies(open_repository(None, overrides))
    return [
        (place, f"{problem}. The repository is {model_repository()}; --repository names another one")
        for place, problem in policy_problems(config, known)
    ]


def _sections(config: RouterConfig) -> dict[str, Section]:
    """The meaning of each name in the file, by section."""
    tasks = {"background tasks of chat UIs": config.background_tasks} if config.background_tasks else {}
    embeddings = {"embeddings": config.embeddings or "the model that the request names"}
    return {
        "upstreams": {name: _upstream(upstream) for name, upstream in config.upstreams.items()},
        "fallbacks": {name: ", then ".join(members) for name, members in config.fallbacks.items()},
        "splits": {name: _split(parts) for name, parts in config.splits.items()},
        "shadows": {
            name: f"{shadow.share:.0%} of the conversations also go to {shadow.to}"
            for name, shadow in config.shadows.items()
        },
        "rules": {key: text for key, text in _rules(config) if key.startswith("rules")},
        "auto": {"policy": config.auto, **embeddings, **tasks},
        **{f"policy {name}": dict(_policy(name, config)) for name in config.policies},
        "affinity": _affinity(config),
        "classified": _classified(config),
    }


def _upstream(upstream: UpstreamConfig) -> str:
    where = "on this device or the local network" if upstream.is_local else "beyond the local network"
    operations = ", ".join(sorted(upstream.operations))
    key = f"; its key cannot be read here: {problem}" if (problem := _key_problem(upstream)) else ""
    return f"{upstream.model} at {upstream.url} ({upstream.kind}), {where}; answers {operations}{key}"


def _key_problem(upstream: UpstreamConfig) -> str | None:
    try:
        if upstream.api_key:
            upstream.api_key.read()
    except ConfigError as error:
        return str(error)
    return None


def _split(parts: Mapping[str, float]) -> str:
    return ", ".join(f"{weight / sum(parts.values()):.0%} {name}" for name, weight in parts.items())


def _rules(config: RouterConfig) -> Iterator[tuple[str, str]]:
    for place, rule in config.all_rules():
        name = f" ({rule.name})" if rule.name else ""
        local = ["must stay on this device or the local network"] if rule.local_only else []
        target = [f"to {rule.to}"] if rule.to else []
        yield f"{dotted(place)}{name}", f"{rule.when}: {', '.join(local + target)}"


def _policy(name: str, config: RouterConfig) -> Iterator[tuple[str, str]]:
    policy = config.policies[name]
    yield from ((key, text) for key, text in _rules(config) if key.startswith(f"policies.{name}."))
    if limits := _abstain(policy.abstain or config.abstain):
        yield "abstain", f"below {limits}: the default"
    yield from ((f"score from {threshold.at_least:g}", threshold.upstream) for threshold in policy.score)
    yield from policy.routes.items()
    yield "else", policy.default or config.default


def _abstain(abstain: AbstainConfig) -> str:
    return " or ".join(f"{name} {limit:g}" for name, limit in abstain if limit)


def _affinity(config: RouterConfig) -> Section:
    affinity = config.affinity
    if affinity is None:
        return {}
    return {f"by {affinity.by}": f"{affinity.minutes:g} min, up in {', '.join(affinity.order)}"}


def _classified(config: RouterConfig) -> Section:
    text, classifier = config.text, config.classifier
    earlier = f"with {text.earlier_turns} before it" if text.earlier_turns else "alone"
    source = ", ".join(map(str, classifier.urls)) or "the network in this process"
    return {
        "text": f"the last user message {earlier}; of a long text {text.head_chars} characters from the beginning and "
        f"{text.tail_chars} from the end",
        "by": f"{source}, within {classifier.budget_ms} ms",
    }


def _lines(sections: Mapping[str, Section]) -> Iterator[str]:
    for title, section in sections.items():
        if section:
            yield title
            yield from (f"  {name}: {text}" for name, text in section.items())
