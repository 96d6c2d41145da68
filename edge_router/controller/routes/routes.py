"""`routes.yaml`: which upstream answers which decision.

upstreams:
  local: {url: http://127.0.0.1:11434/v1, model: "qwen3:0.6b"}
  large: {url: https://api.example.com/v1, model: big, api_key: {env: EXAMPLE_API_KEY}}
default: local
auto: complexity_router
policies:
  task_router:       {routes: {Code Generation: large}}
  complexity_router: {score: [{at_least: 0.6, upstream: large}]}
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Self

import yaml
from pydantic import AfterValidator, Field, ValidationError, model_validator

from edge_router.contract import POLICIES, TASK_ROUTER
from edge_router.controller.routes.section import Section
from edge_router.controller.routes.upstream import Upstream
from edge_router.errors import ConfigError


class ScoreRule(Section):
    at_least: float = Field(ge=0, le=1)
    upstream: str


def _steepest_first(rules: Sequence[ScoreRule]) -> Sequence[ScoreRule]:
    return sorted(rules, key=lambda rule: -rule.at_least)


class Policy(Section):
    """The highest score reached decides, then the label, then the default."""

    score: Annotated[Sequence[ScoreRule], AfterValidator(_steepest_first)] = ()
    routes: Mapping[str, str] = {}
    default: str | None = None

    @property
    def upstreams(self) -> list[tuple[str, str]]:
        """(key, upstream that it names)."""
        named = [(f"score.{rule.at_least}", rule.upstream) for rule in self.score]
        named += [(f"routes.{label}", name) for label, name in self.routes.items()]
        return named + ([("default", self.default)] if self.default else [])


class Routes(Section):
    upstreams: Mapping[str, Upstream] = Field(min_length=1)
    default: str
    policies: Mapping[str, Policy] = Field(min_length=1)
    auto: str = TASK_ROUTER

    @classmethod
    def read(cls, file: Path) -> Self:
        """Raises ConfigError naming file and key."""
        try:
            return cls.model_validate(yaml.safe_load(file.read_text()))
        except OSError as error:
            raise ConfigError(f"{file}: {error.strerror}") from error
        except (UnicodeDecodeError, yaml.YAMLError) as error:
            raise ConfigError(f"{file}: {error}") from error
        except ValidationError as error:
            problems = [f"{'.'.join(map(str, problem['loc']))}: {problem['msg']}" for problem in error.errors()]
            raise ConfigError(f"{file}: {'; '.join(problems)}") from error

    @model_validator(mode="after")
    def _names_exist(self) -> Self:
        if unknown := sorted(set(self.policies) - set(POLICIES)):
            raise ValueError(f"policies.{unknown[0]}: no such policy; there are {', '.join(POLICIES)}")
        if self.auto not in self.policies:
            raise ValueError(f"auto: {self.auto} is none of the policies {', '.join(self.policies)}")
        named = [("default", self.default)]
        for policy, rules in self.policies.items():
            named += [(f"policies.{policy}.{key}", name) for key, name in rules.upstreams]
        for key, name in named:
            if name not in self.upstreams:
                raise ValueError(f"{key}: {name!r} is no upstream; there are {', '.join(self.upstreams)}")
        return self

    def check_labels(self, labels: Mapping[str, Sequence[str]]) -> None:
        """Raises ConfigError when a route names a label that the server does not have."""
        for policy, rules in self.policies.items():
            if policy not in labels:
                raise ConfigError(f"policies.{policy}: the server does not answer for it")
            if unknown := sorted(set(rules.routes) - set(labels[policy])):
                raise ConfigError(
                    f"policies.{policy}.routes: {', '.join(unknown)} is no label of the server's; "
                    f"it has {', '.join(labels[policy])}"
                )

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
