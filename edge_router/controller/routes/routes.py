"""`routes.yaml`: which upstream answers which request. docs/routes.md explains every key.

upstreams:
  local: {url: http://127.0.0.1:11434/v1, model: "qwen3:0.6b"}
  large: {url: https://api.example.com/v1, model: big, api_key: {env: EXAMPLE_API_KEY}}
default: local
auto: complexity_router
policies:
  task_router:       {routes: {Code Generation: large}}
  complexity_router: {score: [{at_least: 0.6, upstream: large}]}
"""

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Annotated, Self, TypeAlias

from pydantic import Field, ValidationError, model_validator

from edge_router.contract import AUTO_MODEL, COMPLEXITY_ROUTER, POLICIES, TASK_ROUTER
from edge_router.controller.routes import old
from edge_router.controller.routes.affinity import AffinitySection
from edge_router.controller.routes.classifier import ClassifierSection
from edge_router.controller.routes.document import Document
from edge_router.controller.routes.names import Misfit, Place, circles, dotted, meant
from edge_router.controller.routes.policy import Abstain, Policy
from edge_router.controller.routes.rule import Rule
from edge_router.controller.routes.section import Section
from edge_router.controller.routes.text import TextSection
from edge_router.controller.routes.upstream import Upstream
from edge_router.errors import ConfigError

Fallback: TypeAlias = Annotated[Sequence[str], Field(min_length=1)]
Split: TypeAlias = Annotated[Mapping[str, Annotated[float, Field(gt=0)]], Field(min_length=1)]


class Shadow(Section):
    """An upstream that is asked too, and whose answer is dropped."""

    to: str
    share: float = Field(1, gt=0, le=1)
    """of the conversations"""


class Routes(Section):
    upstreams: Mapping[str, Upstream] = Field(min_length=1)
    fallbacks: Mapping[str, Fallback] = {}
    """names usable wherever an upstream is: tried in order"""
    splits: Mapping[str, Split] = {}
    """names usable wherever an upstream is: parts by user or conversation"""
    shadows: Mapping[str, Shadow] = {}
    """by the upstream that answers"""
    default: str
    """answers where nothing else is decided, or what was decided does not"""
    auto: str = TASK_ROUTER
    """the policy behind the model name "auto" """
    embeddings: str | None = None
    """what answers "auto" and a policy's name for embeddings"""
    helpers: str | None = None
    """what answers the questions a chat UI asks for itself"""
    abstain: Abstain = Abstain()
    rules: Sequence[Rule] = ()
    """before every policy; the first that matches decides"""
    policies: Mapping[str, Policy] = Field(min_length=1)
    affinity: AffinitySection | None = None
    classifier: ClassifierSection = ClassifierSection()
    text: TextSection = TextSection()

    @classmethod
    def read(cls, file: Path) -> Self:
        """`file` may be the `config.yaml` of an older router too. Raises ConfigError naming file, line and key of every
        mistake."""
        document = Document.read(file)
        content = old.translated(document) if old.is_old(document.content) else document.content
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
            raise Misfit(problems)
        return self

    def _name_problems(self) -> Iterator[tuple[Place, str]]:
        for policy in self.policies:
            if policy not in POLICIES:
                yield ("policies", policy), f"no such policy; {meant(policy, POLICIES)}"
        if self.auto not in self.policies:
            yield ("auto",), f"{self.auto} is none of the policies; {meant(self.auto, self.policies)}"
        taken = {AUTO_MODEL: "a name of its own", **dict.fromkeys(POLICIES, "a policy")}
        for key in ("upstreams", "fallbacks", "splits"):
            for name in getattr(self, key):
                if name in taken:
                    yield (key, name), f"{name} is {taken[name]}; choose another name"
                taken[name] = f"a name in {key}"

    def _reference_problems(self) -> Iterator[tuple[Place, str]]:
        for place, name in self._references():
            if name not in self.targets:
                yield place, f"{name!r} is no upstream, fallback or split; {meant(name, self.targets)}"
        for place, name in self._upstreams_named():
            if name not in self.upstreams:
                yield place, f"{name!r} is no upstream; {meant(name, self.upstreams)}"

    def _circle_problems(self) -> Iterator[tuple[Place, str]]:
        for name, way in circles({**self.fallbacks, **self.splits}):
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

    def all_rules(self) -> Iterator[tuple[Place, Rule]]:
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
