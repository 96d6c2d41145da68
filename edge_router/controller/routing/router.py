"""From a request to the upstreams that may answer it. The classifier is asked when it comes to something that needs it,
and then once."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Self

from edge_router.contract import AUTO_MODEL, DATA_HEADER, LOCAL_ONLY, STRATEGY_MANUAL, STRATEGY_TRITON
from edge_router.controller.api.operation import Operation
from edge_router.controller.api.request import LlmRequest, RoutingHint
from edge_router.controller.classifier.classification import PromptClassifier
from edge_router.controller.classifier.decision import Decision
from edge_router.controller.config import AbstainConfig, Place, RouterConfig, RuleConfig, ScoreThreshold, dotted
from edge_router.controller.routing.affinity import Affinity
from edge_router.controller.routing.candidates import Candidates
from edge_router.controller.routing.context import RequestContext
from edge_router.controller.routing.errors import NoModelError, NoPolicyError
from edge_router.controller.routing.evaluation import Evaluation, RoutingStep
from edge_router.controller.routing.plan import STRATEGY_PINNED, Plan
from edge_router.controller.routing.rules import UNDECIDED, RuleMatcher, margin
from edge_router.controller.routing.targets import Targets
from edge_router.errors import RequestError

EMBEDDINGS = frozenset((Operation.EMBEDDINGS, Operation.OLLAMA_EMBED, Operation.OLLAMA_EMBEDDINGS))
"""Nobody else may answer them: vectors of two models do not compare."""
SHOWN = 80
"""Characters of a client's own words in a message."""


@dataclass(frozen=True)
class CompiledRule:
    """`key`: where it stands in the file."""

    key: str
    name: str
    conditions: RuleMatcher
    to: str | None
    local_only: bool
    of_model: bool
    """Whether it says which models it is for, and so may stand for a model that there is not."""

    @classmethod
    def of(cls, place: Place, rule: RuleConfig) -> Self:
        key = dotted(place)
        return cls(key, rule.name or key, RuleMatcher(rule.when), rule.to, rule.local_only, rule.when.model is not None)


@dataclass(frozen=True)
class CompiledPolicy:
    """`marks` keep a request in the house, `rules` say where it goes; those for every policy are among them."""

    marks: Sequence[CompiledRule]
    rules: Sequence[CompiledRule]
    abstain: AbstainConfig
    score: Sequence[ScoreThreshold]
    routes: Mapping[str, str]
    default: str


class Choice(NamedTuple):
    """`names`: upstreams, before it is known which of them may and can answer."""

    names: Sequence[str]
    strategy: str = STRATEGY_TRITON
    label: str | None = None
    rule: str | None = None
    moves: bool = True
    """Whether a conversation may stay elsewhere."""


class Router:
    def __init__(self, routes: RouterConfig, classify: PromptClassifier, affinity: Affinity | None = None) -> None:
        """`affinity`: what is known of conversations already."""
        self.routes = routes
        self._classifier = classify
        self._affinity = affinity or (Affinity(routes.affinity) if routes.affinity else None)
        self._targets = Targets(routes)
        self._pins = _pins(routes)
        rules = [CompiledRule.of(("rules", at), rule) for at, rule in enumerate(routes.rules)]
        self._marks = [rule for rule in rules if rule.local_only]
        self._model_rules = [rule for rule in rules if rule.to is not None and rule.of_model]
        self._policies = {name: _ready(name, routes, rules) for name in routes.policies}

    def succeeded_by(self, routes: RouterConfig, classify: PromptClassifier) -> Self:
        """That of other routes; conversations stay where they are, if these say the same of them."""
        kept = self._affinity if self._affinity and self._affinity.section == routes.affinity else None
        return type(self)(routes, classify, kept)

    async def plan(self, request: LlmRequest, context: RequestContext) -> Plan:
        """Raises NotFoundError for a policy or model that is not there, ForbiddenError, RequestError for what nobody
        can classify or answer."""
        plan, _ = await self.explain(request, context)
        return plan

    async def explain(self, request: LlmRequest, context: RequestContext) -> tuple[Plan, Sequence[RoutingStep]]:
        """The plan, and what was looked at on the way to it. Raises what `plan` raises."""
        policy = self._policy(request.hint)
        evaluation = Evaluation(request, context, self._classifier, policy or self.routes.auto)
        local_only = await self._is_local_only(evaluation, policy)
        choice = await (self._pinned(evaluation) if policy is None else self._routed(evaluation, policy))
        candidates = Candidates(self.routes.upstreams, evaluation, local_only)
        return self._plan(evaluation, policy, choice, candidates), evaluation.steps

    def _policy(self, hint: RoutingHint) -> str | None:
        """None when the client has decided."""
        if hint.policy is not None:
            if hint.policy not in self._policies:
                there_are = ", ".join(self._policies)
                raise NoPolicyError(f"policy {hint.policy[:SHOWN]!r} is not configured; there are {there_are}")
            return hint.policy if hint.strategy == STRATEGY_TRITON else None
        if hint.model == AUTO_MODEL:
            return self.routes.auto
        return hint.model if hint.model in self._policies else None

    async def _is_local_only(self, evaluation: Evaluation, policy: str | None) -> bool:
        """By the key, the client's own word, or a rule, wherever it stands. What nobody can classify stays too."""
        said = evaluation.context.headers.get(DATA_HEADER)
        if said not in (None, LOCAL_ONLY):
            raise RequestError(f"{DATA_HEADER} says something other than {LOCAL_ONLY}; send that, or leave it out")
        if said or evaluation.context.caller.local_only:
            evaluation.note(DATA_HEADER if said else "the access key", None)
            return True
        for rule in self._policies[policy].marks if policy else self._marks:
            why = await rule.conditions.mismatch(evaluation)
            if evaluation.note(f"{rule.key}.local_only", None if why == UNDECIDED else why) is None:
                return True
        return False

    async def _pinned(self, evaluation: Evaluation) -> Choice:
        """The client named a label of a policy (old contract), or something of `routes.yaml`; else a rule may know the
        model that it named. Raises NoModelError."""
        hint = evaluation.request.hint
        name = hint.model or ""
        strategy = STRATEGY_PINNED if hint.policy is None else STRATEGY_MANUAL
        if hint.policy is not None and (target := self._policies[hint.policy].routes.get(name)):
            return Choice(self._targets.of(target, evaluation), strategy, name, moves=False)
        if (pinned := self._pins.get(name)) is not None:
            names = self._targets.of(pinned, evaluation) if isinstance(pinned, str) else pinned
            return Choice(names, strategy, moves=False)
        if hint.policy is None and (rule := await _first(self._model_rules, evaluation)):
            return self._by_rule(rule, self.routes.default, evaluation)
        raise NoModelError(f"model {name[:SHOWN]!r} is not served here; GET /v1/models lists what is")

    async def _routed(self, evaluation: Evaluation, name: str) -> Choice:
        """By the chores' own targets, by rules, by the policy's decision, by its default. Raises NoModelError where
        embeddings have no target."""
        policy = self._policies[name]
        if evaluation.request.operation in EMBEDDINGS:
            if self.routes.embeddings is None:
                raise NoModelError("name the model of the embeddings; embeddings of routes.yaml says which auto is")
            return Choice(self._targets.of(self.routes.embeddings, evaluation), rule="embeddings", moves=False)
        if self.routes.helpers is not None and evaluation.features.helper:
            evaluation.note("helpers", None)
            return Choice(
                self._with_default(self.routes.helpers, policy.default, evaluation), rule="helpers", moves=False
            )
        if rule := await _first(policy.rules, evaluation):
            return self._by_rule(rule, policy.default, evaluation)
        if policy.score or policy.routes:
            await evaluation.classify()
        if evaluation.decision is None:
            return Choice(self._targets.of(policy.default, evaluation))
        return self._decided(evaluation, evaluation.decision, f"policies.{name}", policy)

    def _by_rule(self, rule: CompiledRule, default: str, evaluation: Evaluation) -> Choice:
        assert rule.to is not None
        if evaluation.request.operation in EMBEDDINGS:
            return Choice(self._targets.of(rule.to, evaluation), rule=rule.name, moves=False)
        return Choice(self._with_default(rule.to, default, evaluation), rule=rule.name)

    def _decided(self, evaluation: Evaluation, decision: Decision, key: str, policy: CompiledPolicy) -> Choice:
        """The first target that the decision leads to."""
        for part, target, why in _decides(decision, policy):
            if evaluation.note(f"{key}.{part}", why) is None:
                rule = part if part == "abstain" else None
                return Choice(self._with_default(target, policy.default, evaluation), label=decision.label, rule=rule)
        evaluation.note(f"{key}.default", None)
        return Choice(self._targets.of(policy.default, evaluation), label=decision.label)

    def _with_default(self, target: str, default: str, evaluation: Evaluation) -> Sequence[str]:
        """The default as a last resort."""
        names = self._targets.of(target, evaluation)
        return names if target == default else tuple(dict.fromkeys((*names, *self._targets.of(default, evaluation))))

    def _plan(self, evaluation: Evaluation, policy: str | None, choice: Choice, candidates: Candidates) -> Plan:
        names = candidates.of(choice.names)
        problems = (
            [evaluation.classification.reason] if evaluation.classification and evaluation.classification.reason else []
        )
        if len(names) > 1 and not all(map(evaluation.context.up, names)):
            first = names[0]
            names.sort(key=lambda name: not evaluation.context.up(name))
            problems += [] if names[0] == first else [f"{first} is down"]
        if choice.moves and self._affinity:
            kept = self._affinity.upstream(evaluation, names[0], candidates.able)
            names = list(dict.fromkeys((kept, *names)))
        decision = evaluation.decision if policy else None
        return Plan(
            names,
            choice.strategy,
            policy or evaluation.request.hint.policy,
            decision=decision,
            decisions=evaluation.decisions,
            label=choice.label or (decision.label if decision else None),
            rule=choice.rule,
            level=_level(evaluation, choice),
            degraded="; ".join(problems) or None,
            shadow=self._shadow(evaluation, names[0], candidates),
            classified_in=evaluation.classified_in,
        )

    def _shadow(self, evaluation: Evaluation, first: str, candidates: Candidates) -> str | None:
        shadow = self.routes.shadows.get(first)
        if shadow is None or evaluation.share(f"shadow of {first}") >= shadow.share:
            return None
        return shadow.to if candidates.able(shadow.to) else None


def _pins(routes: RouterConfig) -> dict[str, str | Sequence[str]]:
    """By what a client may name: a target, or the upstreams that have the model."""
    models: dict[str, list[str]] = {}
    for name, upstream in routes.upstreams.items():
        models.setdefault(upstream.model, []).append(name)
    return {**models, **{name: name for name in routes.targets}}


def _ready(name: str, routes: RouterConfig, before: Sequence[CompiledRule]) -> CompiledPolicy:
    policy = routes.policies[name]
    own = [CompiledRule.of(("policies", name, "rules", at), rule) for at, rule in enumerate(policy.rules)]
    rules = [*before, *own]
    return CompiledPolicy(
        [rule for rule in rules if rule.local_only],
        [rule for rule in rules if rule.to is not None],
        policy.abstain or routes.abstain,
        sorted(policy.score, key=lambda rule: -rule.at_least),
        policy.routes,
        policy.default or routes.default,
    )


async def _first(rules: Sequence[CompiledRule], evaluation: Evaluation) -> CompiledRule | None:
    """The first that matches."""
    for rule in rules:
        if evaluation.note(rule.key, await rule.conditions.mismatch(evaluation)) is None:
            return rule
    return None


def _decides(decision: Decision, policy: CompiledPolicy) -> Iterator[tuple[str, str, str | None]]:
    """(key, target, why it is not taken) of what a decision may lead to."""
    least = policy.abstain
    if least.confidence or least.margin:
        unsure = decision.confidence < least.confidence or margin(decision) < least.margin
        yield "abstain", policy.default, None if unsure else "the decision is sure enough"
    for rule in policy.score:
        reached = decision.score is not None and decision.score >= rule.at_least
        score = "there is no score" if decision.score is None else f"the score is {decision.score:.3g}"
        yield f"score.{rule.at_least:g}", rule.upstream, None if reached else score
    if decision.label in policy.routes:
        yield f"routes.{decision.label}", policy.routes[decision.label], None


def _level(evaluation: Evaluation, choice: Choice) -> str | None:
    if choice.strategy != STRATEGY_TRITON:
        return None
    if evaluation.classification is not None and evaluation.classification.decisions is not None:
        return evaluation.classification.level
    if choice.rule is not None:
        return "rules"
    return None if evaluation.classification is None else "default"
