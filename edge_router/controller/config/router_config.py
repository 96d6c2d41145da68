"""The whole `routes.yaml`, which selects an upstream for each request. docs/configure.md explains every key.

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

from pydantic import Field, PrivateAttr, ValidationError, model_validator

from edge_router.contract import AUTO_MODEL, TASK_ROUTER
from edge_router.controller.config import legacy_config
from edge_router.controller.config.classifier import ClassifierConfig, TextConfig
from edge_router.controller.config.document import ConfigDocument
from edge_router.controller.config.policies import AbstainConfig, AffinityConfig, PolicyConfig, ShadowConfig
from edge_router.controller.config.references import (
    cycle_problems,
    label_problems,
    name_problems,
    reference_problems,
)
from edge_router.controller.config.rules import RuleConfig
from edge_router.controller.config.section import ConfigSection
from edge_router.controller.config.upstreams import UpstreamConfig
from edge_router.errors import ConfigError
from edge_router.validation import ConfigProblems, Place, dotted

DIALECT = "https://json-schema.org/draft/2020-12/schema"

Fallback: TypeAlias = Annotated[Sequence[str], Field(min_length=1)]
Split: TypeAlias = Annotated[Mapping[str, Annotated[float, Field(gt=0)]], Field(min_length=1)]


class RouterConfig(ConfigSection):
    """A whole `routes.yaml`."""

    upstreams: Mapping[str, UpstreamConfig] = Field(min_length=1)
    fallbacks: Mapping[str, Fallback] = {}
    """lists of upstreams that are tried in order; a name works wherever an upstream's does"""
    splits: Mapping[str, Split] = {}
    """upstreams by weight; the same user or conversation always gets the same one"""
    shadows: Mapping[str, ShadowConfig] = {}
    """by the name of the upstream that answers"""
    default: str
    """answers if nothing else decides, or if the upstream that was decided on does not"""
    auto: str = TASK_ROUTER
    """the policy that the model name "auto" stands for"""
    embeddings: str | None = None
    """answers embeddings for "auto" and for the name of a policy"""
    background_tasks: str | None = None
    """answers the background tasks of chat UIs: titles, tags, follow-up questions"""
    abstain: AbstainConfig = AbstainConfig()
    rules: Sequence[RuleConfig] = ()
    """rules for every policy; the first that matches decides"""
    policies: Mapping[str, PolicyConfig] = Field(min_length=1)
    affinity: AffinityConfig | None = None
    classifier: ClassifierConfig = ClassifierConfig()
    text: TextConfig = TextConfig()
    _deprecations: Sequence[str] = PrivateAttr(())

    @classmethod
    def read(cls, file: Path) -> Self:
        """Reads a `routes.yaml`, or the `config.yaml` of the old router. Raises ConfigError with file, line and key of
        every mistake."""
        document = ConfigDocument.read(file)
        if legacy_config.is_legacy(document.content):
            content = legacy_config.translate(document)
        else:
            document = document.with_new_keys()
            content = document.content
        try:
            config = cls.model_validate(content)
        except ValidationError as error:
            raise document.validation_error(error, cls) from None
        config._deprecations = document.deprecations
        return config

    @property
    def deprecations(self) -> Sequence[str]:
        """A notice for each key of the file that has a new name."""
        return self._deprecations

    @cached_property
    def targets(self) -> Sequence[str]:
        """Names that a rule or a route may lead to."""
        return (*self.upstreams, *self.fallbacks, *self.splits)

    @cached_property
    def names(self) -> frozenset[str]:
        """Names that a client may give as model."""
        models = (upstream.model for upstream in self.upstreams.values())
        return frozenset((AUTO_MODEL, *self.policies, *self.targets, *models))

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if problems := [*name_problems(self), *reference_problems(self), *cycle_problems(self)]:
            raise ConfigProblems(problems)
        return self

    def all_rules(self) -> Iterator[tuple[Place, RuleConfig]]:
        yield from ((("rules", at), rule) for at, rule in enumerate(self.rules))
        for name, policy in self.policies.items():
            yield from ((("policies", name, "rules", at), rule) for at, rule in enumerate(policy.rules))

    def check_labels(self, labels: Mapping[str, Sequence[str]]) -> None:
        """Raises ConfigError when a route or a rule names a policy or a label that the classifier does not have."""
        if problems := [f"{dotted(place)}: {problem}" for place, problem in label_problems(self, labels)]:
            raise ConfigError("\n".join(problems))

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
    """The JSON schema of `routes.yaml`, for completion and checks in an editor."""
    return json.dumps({"$schema": DIALECT, **RouterConfig.model_json_schema(), "title": "routes.yaml"}, indent=2)
