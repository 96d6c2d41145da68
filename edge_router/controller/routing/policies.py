"""The rules and policies of `routes.yaml`, compiled once for all requests."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Self

from edge_router.controller.classifier import Decision
from edge_router.controller.config import AbstainConfig, RouterConfig, RuleConfig, ScoreThreshold
from edge_router.controller.routing.conditions import CompiledConditions
from edge_router.controller.routing.evaluation import Evaluation
from edge_router.validation import Place, dotted

ABSTAIN = "abstain"


@dataclass(frozen=True)
class CompiledRule:
    """A rule, ready to match. `key`: its place in the file, such as `rules.0`."""

    key: str
    name: str
    conditions: CompiledConditions
    to: str | None
    local_only: bool
    names_models: bool
    """The rule has a `model` condition, so it may answer for a model that no upstream has."""

    @classmethod
    def of(cls, place: Place, rule: RuleConfig) -> Self:
        key = dotted(place)
        return cls(
            key, rule.name or key, CompiledConditions(rule.when), rule.to, rule.local_only, rule.when.model is not None
        )

    async def matches(self, evaluation: Evaluation) -> bool:
        """Tests the conditions and records the step. Raises RequestError."""
        return evaluation.note(self.key, await self.conditions.mismatch(evaluation)) is None


@dataclass(frozen=True)
class DecisionTarget:
    """A target that a decision may select. `mismatch`: why it does not; None if it does."""

    key: str
    target: str
    mismatch: str | None


@dataclass(frozen=True)
class CompiledPolicy:
    """One policy, its own rules and the rules that all policies share.

    `local_rules`: rules with `local_only`. `target_rules`: rules with `to`.
    """

    local_rules: Sequence[CompiledRule]
    target_rules: Sequence[CompiledRule]
    abstain: AbstainConfig
    score: Sequence[ScoreThreshold]
    routes: Mapping[str, str]
    default: str

    @classmethod
    def of(cls, name: str, config: RouterConfig, shared_rules: Sequence[CompiledRule]) -> Self:
        policy = config.policies[name]
        own = [CompiledRule.of(("policies", name, "rules", at), rule) for at, rule in enumerate(policy.rules)]
        rules = [*shared_rules, *own]
        return cls(
            [rule for rule in rules if rule.local_only],
            [rule for rule in rules if rule.to is not None],
            policy.abstain or config.abstain,
            sorted(policy.score, key=lambda rule: -rule.at_least),
            policy.routes,
            policy.default or config.default,
        )

    @property
    def needs_decision(self) -> bool:
        return bool(self.score or self.routes)

    def targets(self, decision: Decision) -> Iterator[DecisionTarget]:
        """In order of precedence: abstain, the highest score reached, the label."""
        abstain = self.abstain
        if abstain.confidence or abstain.margin:
            unsure = decision.confidence < abstain.confidence or decision.margin < abstain.margin
            yield DecisionTarget(ABSTAIN, self.default, None if unsure else "the decision is sure enough")
        for rule in self.score:
            reached = decision.score is not None and decision.score >= rule.at_least
            score = "there is no score" if decision.score is None else f"the score is {decision.score:.3g}"
            yield DecisionTarget(f"score.{rule.at_least:g}", rule.upstream, None if reached else score)
        if decision.label in self.routes:
            yield DecisionTarget(f"routes.{decision.label}", self.routes[decision.label], None)


async def first_match(rules: Sequence[CompiledRule], evaluation: Evaluation) -> CompiledRule | None:
    """The first rule whose conditions hold. Raises RequestError."""
    for rule in rules:
        if await rule.matches(evaluation):
            return rule
    return None
