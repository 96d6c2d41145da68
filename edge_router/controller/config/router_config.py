"""`routes.yaml`: which upstream answers which request. docs/configure.md explains every key.

upstreams:
  local: {url: http://127.0.0.1:11434/v1, model: "qwen3:0.6b"}
  large: {url: https://api.example.com/v1, model: big, api_key: {env: EXAMPLE_API_KEY}}
default: local
auto: complexity_router
policies:
  task_router:       {routes: {Code Generation: large}}
  complexity_router: {score: [{at_least: 0.6, upstream: large}]}
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Annotated, Self, TypeAlias

from pydantic import Field, ValidationError, model_validator

from edge_router.contract import AUTO_MODEL, COMPLEXITY_ROUTER, POLICIES, TASK_ROUTER
from edge_router.controller.config import legacy_config
from edge_router.controller.config.classifier import ClassifierConfig, TextConfig
from edge_router.controller.config.document import ConfigDocument
from edge_router.controller.config.policies import AbstainConfig, AffinityConfig, PolicyConfig, ShadowConfig
from edge_router.controller.config.problems import ConfigProblems, Place, cycles, dotted, suggestion
from edge_router.controller.config.rules import RuleConfig
from edge_router.controller.config.section import ConfigSection
from edge_router.controller.config.upstreams import UpstreamConfig
from edge_router.errors import ConfigError

DIALECT = "https://json-schema.org/draft/2020-12/schema"

Fallback: TypeAlias = Annotated[Sequence[str], Field(min_length=1)]
Split: TypeAlias = Annotated[Mapping[str, Annotated[float, Field(gt=0)]], Field(min_length=1)]


class RouterConfig(ConfigSection):
    upstreams: Mapping[str, UpstreamConfig] = Field(min_length=1)
    fallbacks: Mapping[str, Fallback] = {}
    """names usable wherever an upstream is: tried in order"""
    splits: Mapping[str, Split] = {}
    """names usable wherever an upstream is: parts by user or conversation"""
    shadows: Mapping[str, ShadowConfig] = {}
    """by the upstream that answers"""
    default: str
    """answers where nothing else is decided, or what was decided does not"""
    auto: str = TASK_ROUTER
    """the policy behind the model name "auto" """
    embeddings: str | None = None
    """what answers "auto" and a policy's name for embeddings"""
    helpers: str | None = None
    """what answers the questions a chat UI asks for itself"""
    abstain: AbstainConfig = AbstainConfig()
    rules: Sequence[RuleConfig] = ()
    """before every policy; the first that matches decides"""
    policies: Mapping[str, PolicyConfig] = Field(min_length=1)
    affinity: AffinityConfig | None = None
    classifier: ClassifierConfig = ClassifierConfig()
    text: TextConfig = TextConfig()

    @classmethod
    def read(cls, file: Path) -> Self:
        """`file` may be the `config.yaml` of an older router too. Raises ConfigError naming file, line and key of every
        mistake."""
        document = ConfigDocument.read(file)
        content = legacy_config.translated(document) if legacy_config.is_legacy(document.content) else document.content
        try:
            return cls.model_validate(content)
        except ValidationError as error:
            raise document.refusal(error, cls) from None

    @cached_property
    def targets(self) -> Sequence[str]:
        """What a rule or a route may lead to."""
        return (*self.upstreams, *self.fallbacks, *self.splits)

    @cached_property
    def names(self) -> frozenset[str]:
        """What a client may ask for as model."""
        models = (upstream.model for upstream in self.upstreams.values())
        return frozenset((AUTO_MODEL, *self.policies, *self.targets, *models))

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if problems := [*self._name_problems(), *self._reference_problems(), *self._circle_problems()]:
            raise ConfigProblems(problems)
        return self

    def _name_problems(self) -> Iterator[tuple[Place, str]]:
        for policy in self.policies:
            if policy not in POLICIES:
                yield ("policies", policy), f"no such policy; {suggestion(policy, POLICIES)}"
        if self.auto not in self.policies:
            yield ("auto",), f"{self.auto} is none of the policies; {suggestion(self.auto, self.policies)}"
        taken = {AUTO_MODEL: "a name of its own", **dict.fromkeys(POLICIES, "a policy")}
        for key in ("upstreams", "fallbacks", "splits"):
            for name in getattr(self, key):
                if name in taken:
                    yield (key, name), f"{name} is {taken[name]}; choose another name"
                taken[name] = f"a name in {key}"

    def _reference_problems(self) -> Iterator[tuple[Place, str]]:
        for place, name in self._references():
            if name not in self.targets:
                yield place, f"{name!r} is no upstream, fallback or split; {suggestion(name, self.targets)}"
        for place, name in self._upstreams_named():
            if name not in self.upstreams:
                yield place, f"{name!r} is no upstream; {suggestion(name, self.upstreams)}"

    def _circle_problems(self) -> Iterator[tuple[Place, str]]:
        for name, way in cycles({**self.fallbacks, **self.splits}):
            yield ("fallbacks" if name in self.fallbacks else "splits", name), f"leads back to itself: {way}"

    def _references(self) -> Iterator[tuple[Place, str]]:
        """(place, name of an upstream, fallback or split)."""
        yield ("default",), self.default
        if self.embeddings is not None:
            yield ("embeddings",), self.embeddings
        if self.helpers is not None:
            yield ("helpers",), self.helpers
        for name, members in self.fallbacks.items():
            yield from ((("fallbacks", name, at), member) for at, member in enumerate(members))
        for name, parts in self.splits.items():
            yield from ((("splits", name, part), part) for part in parts)
        for place, rule in self.all_rules():
            if rule.to is not None:
                yield (*place, "to"), rule.to
        for name, policy in self.policies.items():
            place = ("policies", name)
            yield from (((*place, "score", at, "upstream"), rule.upstream) for at, rule in enumerate(policy.score))
            yield from (((*place, "routes", label), target) for label, target in policy.routes.items())
            if policy.default is not None:
                yield (*place, "default"), policy.default

    def _upstreams_named(self) -> Iterator[tuple[Place, str]]:
        """(place, name that must be an upstream's)."""
        for name, shadow in self.shadows.items():
            yield ("shadows", name), name
            yield ("shadows", name, "to"), shadow.to
        if self.affinity:
            yield from ((("affinity", "order", at), name) for at, name in enumerate(self.affinity.order))
        for place, rule in self.all_rules():
            yield from (((*place, "when", "link", name), name) for name in rule.when.link or ())

    def all_rules(self) -> Iterator[tuple[Place, RuleConfig]]:
        yield from ((("rules", at), rule) for at, rule in enumerate(self.rules))
        for name, policy in self.policies.items():
            yield from ((("policies", name, "rules", at), rule) for at, rule in enumerate(policy.rules))

    def check_labels(self, labels: Mapping[str, Sequence[str]]) -> None:
        """Raises ConfigError when a route or a rule names a label that the server does not have."""
        for place, policy, named in self._labels_named():
            if policy not in labels:
                raise ConfigError(f"{dotted(place)}: the server does not answer for {policy}")
            if unknown := sorted(set(named) - set(labels[policy])):
                raise ConfigError(
                    f"{dotted(place)}: {', '.join(unknown)} is no label of the server's; "
                    f"it has {', '.join(labels[policy])}"
                )

    def _labels_named(self) -> Iterator[tuple[Place, str, Sequence[str]]]:
        """(place, policy, labels of it that are named there)."""
        for name, policy in self.policies.items():
            yield ("policies", name, "routes"), name, tuple(policy.routes)
        for place, rule in self.all_rules():
            if rule.when.task is not None:
                yield (*place, "when", "task"), TASK_ROUTER, rule.when.task
            if rule.when.complexity is not None:
                yield (*place, "when", "complexity"), COMPLEXITY_ROUTER, ()
            if rule.when.dimensions is not None:
                yield (*place, "when", "dimensions"), COMPLEXITY_ROUTER, tuple(rule.when.dimensions)

    def read_keys(self) -> dict[str, str]:
        """API keys by upstream. Raises ConfigError when one cannot be read."""
        keys = {}
        for name, upstream in self.upstreams.items():
            if upstream.api_key:
                try:
                    keys[name] = upstream.api_key.read()
                except ConfigError as error:
                    raise ConfigError(f"upstreams.{name}.{error}") from error
        return keys


def schema() -> str:
    """The JSON schema of `routes.yaml`, by which an editor completes and checks the file."""
    return json.dumps({"$schema": DIALECT, **RouterConfig.model_json_schema(), "title": "routes.yaml"}, indent=2)
