"""From a request to the upstreams that may answer it. The classifier is asked when it comes to something that needs it,
and then once."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Self

from edge_router.contract import AUTO_MODEL, DATA_HEADER, LOCAL_ONLY, STRATEGY_MANUAL, STRATEGY_TRITON
from edge_router.controller.asked import Ask, Asked
from edge_router.controller.classification.decision import Decision
from edge_router.controller.classification.judge import Judge
from edge_router.controller.operation import Operation
from edge_router.controller.routes.names import Place, dotted
from edge_router.controller.routes.policy import Abstain, ScoreRule
from edge_router.controller.routes.routes import Routes
from edge_router.controller.routes.rule import Rule
from edge_router.controller.routing.affinity import Affinity
from edge_router.controller.routing.candidates import Candidates
from edge_router.controller.routing.circumstances import Circumstances
from edge_router.controller.routing.conditions import UNDECIDED, Conditions, margin
from edge_router.controller.routing.errors import NoModelError, NoPolicyError
from edge_router.controller.routing.plan import STRATEGY_PINNED, Plan
from edge_router.controller.routing.targets import Targets
from edge_router.controller.routing.view import Step, View
from edge_router.errors import RequestError

EMBEDDINGS = frozenset((Operation.EMBEDDINGS, Operation.OLLAMA_EMBED, Operation.OLLAMA_EMBEDDINGS))
"""Nobody else may answer them: vectors of two models do not compare."""
SHOWN = 80
"""Characters of a client's own words in a message."""


@dataclass(frozen=True)
class ReadyRule:
    """`key`: where it stands in the file."""

    key: str
    name: str
    conditions: Conditions
    to: str | None
    local_only: bool
    of_model: bool
    """Whether it says which models it is for, and so may stand for a model that there is not."""

    @classmethod
    def of(cls, place: Place, rule: Rule) -> Self:
        key = dotted(place)
        return cls(key, rule.name or key, Conditions(rule.when), rule.to, rule.local_only, rule.when.model is not None)


@dataclass(frozen=True)
class ReadyPolicy:
    """`marks` keep a request in the house, `rules` say where it goes; those for every policy are among them."""

    marks: Sequence[ReadyRule]
    rules: Sequence[ReadyRule]
    abstain: Abstain
    score: Sequence[ScoreRule]
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
    def __init__(self, routes: Routes, judge: Judge, affinity: Affinity | None = None) -> None:
        """`affinity`: what is known of conversations already."""
        self.routes = routes
        self._judge = judge
        self._affinity = affinity or (Affinity(routes.affinity) if routes.affinity else None)
        self._targets = Targets(routes)
        self._pins = _pins(routes)
        rules = [ReadyRule.of(("rules", at), rule) for at, rule in enumerate(routes.rules)]
        self._marks = [rule for rule in rules if rule.local_only]
        self._model_rules = [rule for rule in rules if rule.to is not None and rule.of_model]
        self._policies = {name: _ready(name, routes, rules) for name in routes.policies}

    def succeeded_by(self, routes: Routes, judge: Judge) -> Self:
        """That of other routes; conversations stay where they are, if these say the same of them."""
        kept = self._affinity if self._affinity and self._affinity.section == routes.affinity else None
        return type(self)(routes, judge, kept)

    async def plan(self, asked: Asked, circumstances: Circumstances) -> Plan:
        """Raises NotFoundError for a policy or model that is not there, ForbiddenError, RequestError for what nobody
        can classify or answer."""
        plan, _ = await self.explain(asked, circumstances)
        return plan

    async def explain(self, asked: Asked, circumstances: Circumstances) -> tuple[Plan, Sequence[Step]]:
        """The plan, and what was looked at on the way to it. Raises what `plan` raises."""
        policy = self._policy(asked.ask)
        view = View(asked, circumstances, self._judge, policy or self.routes.auto)
        local_only = await self._is_local_only(view, policy)
        choice = await (self._pinned(view) if policy is None else self._routed(view, policy))
        candidates = Candidates(self.routes.upstreams, view, local_only)
        return self._plan(view, policy, choice, candidates), view.steps

    def _policy(self, ask: Ask) -> str | None:
        """None when the client has decided."""
        if ask.policy is not None:
            if ask.policy not in self._policies:
                there_are = ", ".join(self._policies)
                raise NoPolicyError(f"policy {ask.policy[:SHOWN]!r} is not configured; there are {there_are}")
            return ask.policy if ask.strategy == STRATEGY_TRITON else None
        if ask.model == AUTO_MODEL:
            return self.routes.auto
        return ask.model if ask.model in self._policies else None

    async def _is_local_only(self, view: View, policy: str | None) -> bool:
        """By the key, the client's own word, or a rule, wherever it stands. What nobody can classify stays too."""
        said = view.circumstances.headers.get(DATA_HEADER)
        if said not in (None, LOCAL_ONLY):
            raise RequestError(f"{DATA_HEADER} says something other than {LOCAL_ONLY}; send that, or leave it out")
        if said or view.circumstances.caller.local_only:
            view.note(DATA_HEADER if said else "the access key", None)
            return True
        for rule in self._policies[policy].marks if policy else self._marks:
            why = await rule.conditions.mismatch(view)
            if view.note(f"{rule.key}.local_only", None if why == UNDECIDED else why) is None:
                return True
        return False

    async def _pinned(self, view: View) -> Choice:
        """The client named a label of a policy (old contract), or something of `routes.yaml`; else a rule may know the
        model that it named. Raises NoModelError."""
        ask = view.asked.ask
        name = ask.model or ""
        strategy = STRATEGY_PINNED if ask.policy is None else STRATEGY_MANUAL
        if ask.policy is not None and (target := self._policies[ask.policy].routes.get(name)):
            return Choice(self._targets.of(target, view), strategy, name, moves=False)
        if (pinned := self._pins.get(name)) is not None:
            names = self._targets.of(pinned, view) if isinstance(pinned, str) else pinned
            return Choice(names, strategy, moves=False)
        if ask.policy is None and (rule := await _first(self._model_rules, view)):
            return self._by_rule(rule, self.routes.default, view)
        raise NoModelError(f"model {name[:SHOWN]!r} is not served here; GET /v1/models lists what is")

    async def _routed(self, view: View, name: str) -> Choice:
        """By the chores' own targets, by rules, by the policy's decision, by its default. Raises NoModelError where
        embeddings have no target."""
        policy = self._policies[name]
        if view.asked.operation in EMBEDDINGS:
            if self.routes.embeddings is None:
                raise NoModelError("name the model of the embeddings; embeddings of routes.yaml says which auto is")
            return Choice(self._targets.of(self.routes.embeddings, view), rule="embeddings", moves=False)
        if self.routes.helpers is not None and view.features.helper:
            view.note("helpers", None)
            return Choice(self._with_default(self.routes.helpers, policy.default, view), rule="helpers", moves=False)
        if rule := await _first(policy.rules, view):
            return self._by_rule(rule, policy.default, view)
        if policy.score or policy.routes:
            await view.classify()
        if view.decision is None:
            return Choice(self._targets.of(policy.default, view))
        return self._decided(view, view.decision, f"policies.{name}", policy)

    def _by_rule(self, rule: ReadyRule, default: str, view: View) -> Choice:
        assert rule.to is not None
        if view.asked.operation in EMBEDDINGS:
            return Choice(self._targets.of(rule.to, view), rule=rule.name, moves=False)
        return Choice(self._with_default(rule.to, default, view), rule=rule.name)

    def _decided(self, view: View, decision: Decision, key: str, policy: ReadyPolicy) -> Choice:
        """The first target that the decision leads to."""
        for part, target, why in _decides(decision, policy):
            if view.note(f"{key}.{part}", why) is None:
                rule = part if part == "abstain" else None
                return Choice(self._with_default(target, policy.default, view), label=decision.label, rule=rule)
        view.note(f"{key}.default", None)
        return Choice(self._targets.of(policy.default, view), label=decision.label)

    def _with_default(self, target: str, default: str, view: View) -> Sequence[str]:
        """The default as a last resort."""
        names = self._targets.of(target, view)
        return names if target == default else tuple(dict.fromkeys((*names, *self._targets.of(default, view))))

    def _plan(self, view: View, policy: str | None, choice: Choice, candidates: Candidates) -> Plan:
        names = candidates.of(choice.names)
        problems = [view.judgement.reason] if view.judgement and view.judgement.reason else []
        if len(names) > 1 and not all(map(view.circumstances.up, names)):
            first = names[0]
            names.sort(key=lambda name: not view.circumstances.up(name))
            problems += [] if names[0] == first else [f"{first} is down"]
        if choice.moves and self._affinity:
            kept = self._affinity.upstream(view, names[0], candidates.able)
            names = list(dict.fromkeys((kept, *names)))
        decision = view.decision if policy else None
        return Plan(
            names,
            choice.strategy,
            policy or view.asked.ask.policy,
            decision=decision,
            decisions=view.decisions,
            label=choice.label or (decision.label if decision else None),
            rule=choice.rule,
            level=_level(view, choice),
            degraded="; ".join(problems) or None,
            shadow=self._shadow(view, names[0], candidates),
            classified_in=view.classified_in,
        )

    def _shadow(self, view: View, first: str, candidates: Candidates) -> str | None:
        shadow = self.routes.shadows.get(first)
        if shadow is None or view.share(f"shadow of {first}") >= shadow.share:
            return None
        return shadow.to if candidates.able(shadow.to) else None


def _pins(routes: Routes) -> dict[str, str | Sequence[str]]:
    """By what a client may name: a target, or the upstreams that have the model."""
    models: dict[str, list[str]] = {}
    for name, upstream in routes.upstreams.items():
        models.setdefault(upstream.model, []).append(name)
    return {**models, **{name: name for name in routes.targets}}


def _ready(name: str, routes: Routes, before: Sequence[ReadyRule]) -> ReadyPolicy:
    policy = routes.policies[name]
    own = [ReadyRule.of(("policies", name, "rules", at), rule) for at, rule in enumerate(policy.rules)]
    rules = [*before, *own]
    return ReadyPolicy(
        [rule for rule in rules if rule.local_only],
        [rule for rule in rules if rule.to is not None],
        policy.abstain or routes.abstain,
        sorted(policy.score, key=lambda rule: -rule.at_least),
        policy.routes,
        policy.default or routes.default,
    )


async def _first(rules: Sequence[ReadyRule], view: View) -> ReadyRule | None:
    """The first that matches."""
    for rule in rules:
        if view.note(rule.key, await rule.conditions.mismatch(view)) is None:
            return rule
    return None


def _decides(decision: Decision, policy: ReadyPolicy) -> Iterator[tuple[str, str, str | None]]:
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


def _level(view: View, choice: Choice) -> str | None:
    if choice.strategy != STRATEGY_TRITON:
        return None
    if view.judgement is not None and view.judgement.decisions is not None:
        return view.judgement.level
    if choice.rule is not None:
        return "rules"
    return None if view.judgement is None else "default"
