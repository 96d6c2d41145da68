"""Routes a request to the upstreams that may answer it. The prompt is classified at most once, and only when needed."""

from collections.abc import Sequence
from typing import NamedTuple, Self

from edge_router.contract import AUTO_MODEL, DATA_HEADER, LOCAL_ONLY, STRATEGY_MANUAL, STRATEGY_TRITON
from edge_router.controller.api import EMBEDDING_OPERATIONS, LlmRequest, ModelNotFoundError, RoutingHint
from edge_router.controller.classifier import Decision, DecisionSource, PromptClassifier
from edge_router.controller.config import RouterConfig
from edge_router.controller.routing.affinity import Affinity
from edge_router.controller.routing.candidates import Candidates
from edge_router.controller.routing.conditions import UNCLASSIFIED
from edge_router.controller.routing.errors import PolicyNotFoundError
from edge_router.controller.routing.evaluation import Evaluation, RequestContext, RoutingStep
from edge_router.controller.routing.plan import STRATEGY_PINNED, Plan
from edge_router.controller.routing.policies import ABSTAIN, CompiledPolicy, CompiledRule, first_match
from edge_router.controller.routing.targets import Targets
from edge_router.errors import RequestError

QUOTED_CHARS = 80
"""Length to which a message cuts a name that the client sent."""


class Choice(NamedTuple):
    """The upstreams that a pin, a rule or a decision names, before candidates are selected."""

    names: Sequence[str]
    strategy: str = STRATEGY_TRITON
    label: str | None = None
    rule: str | None = None
    movable: bool = True
    """Affinity may replace the first upstream."""


class Router:
    """Routes by one configuration."""

    def __init__(self, config: RouterConfig, classifier: PromptClassifier, affinity: Affinity | None = None) -> None:
        """`affinity`: conversations known from an earlier configuration."""
        self.config = config
        self._classifier = classifier
        self._affinity = affinity or (Affinity(config.affinity) if config.affinity else None)
        self._targets = Targets(config)
        rules = [CompiledRule.of(("rules", at), rule) for at, rule in enumerate(config.rules)]
        self._local_rules = [rule for rule in rules if rule.local_only]
        self._model_rules = [rule for rule in rules if rule.to is not None and rule.names_models]
        self._policies = {name: CompiledPolicy.of(name, config, rules) for name in config.policies}

    def reconfigured(self, config: RouterConfig, classifier: PromptClassifier) -> Self:
        """A router for another configuration. It keeps the conversations when the affinity settings are the same."""
        kept = self._affinity if self._affinity and self._affinity.config == config.affinity else None
        return type(self)(config, classifier, kept)

    async def plan(self, request: LlmRequest, context: RequestContext) -> Plan:
        """Raises NotFoundError for an unknown policy or model, ForbiddenError, and RequestError when no classifier
        accepts the text or no upstream can answer."""
        plan, _ = await self.explain(request, context)
        return plan

    async def explain(self, request: LlmRequest, context: RequestContext) -> tuple[Plan, Sequence[RoutingStep]]:
        """The plan and every check on the way to it. Raises what `plan` raises."""
        policy = self._policy(request.hint)
        evaluation = Evaluation(request, context, self._classifier, policy or self.config.auto, self.config.text)
        local_only = await self._is_local_only(evaluation, policy)
        choice = await (self._pinned(evaluation) if policy is None else self._routed(evaluation, policy))
        candidates = Candidates(self.config.upstreams, evaluation, local_only)
        return self._plan(evaluation, policy, choice, candidates), evaluation.steps

    def _policy(self, hint: RoutingHint) -> str | None:
        """The policy that decides; None when the client named a label, an upstream or a model."""
        if hint.policy is not None:
            if hint.policy not in self._policies:
                known = ", ".join(self._policies)
                raise PolicyNotFoundError(f"policy {hint.policy[:QUOTED_CHARS]!r} is not configured; there are {known}")
            return hint.policy if hint.strategy == STRATEGY_TRITON else None
        if hint.model == AUTO_MODEL:
            return self.config.auto
        return hint.model if hint.model in self._policies else None

    async def _is_local_only(self, evaluation: Evaluation, policy: str | None) -> bool:
        """True if the header, the access key or a rule requires it. If no classifier answers, a rule that needs a
        classification counts as met: the request then stays local."""
        header = evaluation.context.headers.get(DATA_HEADER)
        if header not in (None, LOCAL_ONLY):
            raise RequestError(f"{DATA_HEADER} has an unknown value; send {LOCAL_ONLY}, or leave the header out")
        if header or evaluation.context.caller.local_only:
            evaluation.note(DATA_HEADER if header else "the access key", None)
            return True
        for rule in self._policies[policy].local_rules if policy else self._local_rules:
            mismatch = await rule.conditions.mismatch(evaluation)
            if evaluation.note(f"{rule.key}.local_only", None if mismatch == UNCLASSIFIED else mismatch) is None:
                return True
        return False

    async def _pinned(self, evaluation: Evaluation) -> Choice:
        """The choice for a request that names a label of a policy (old contract), a target or a model.

        A rule may match a model that no upstream has. Raises ModelNotFoundError."""
        hint = evaluation.request.hint
        name = hint.model or ""
        strategy = STRATEGY_PINNED if hint.policy is None else STRATEGY_MANUAL
        if hint.policy is not None and (target := self._policies[hint.policy].routes.get(name)):
            return Choice(self._targets.upstreams(target, evaluation), strategy, name, movable=False)
        if names := self._targets.pinned(name, evaluation):
            return Choice(names, strategy, movable=False)
        if hint.policy is None and (rule := await first_match(self._model_rules, evaluation)):
            return self._by_rule(rule, self.config.default, evaluation)
        raise ModelNotFoundError.named(name)

    async def _routed(self, evaluation: Evaluation, name: str) -> Choice:
        """The choice of a policy: the target for background tasks, else of the first rule that matches, else of the
        decision, else the policy's default.

        Raises ModelNotFoundError for embeddings without a configured target.
        """
        policy = self._policies[name]
        if evaluation.request.operation in EMBEDDING_OPERATIONS:
            if self.config.embeddings is None:
                raise ModelNotFoundError(
                    "no model is configured for embeddings; name one in the request, or set `embeddings` in routes.yaml"
                )
            names = self._targets.upstreams(self.config.embeddings, evaluation)
            return Choice(names, rule="embeddings", movable=False)
        if self.config.background_tasks is not None and evaluation.features.background_task:
            evaluation.note("background_tasks", None)
            names = self._with_default(self.config.background_tasks, policy.default, evaluation)
            return Choice(names, rule="background_tasks", movable=False)
        if rule := await first_match(policy.target_rules, evaluation):
            return self._by_rule(rule, policy.default, evaluation)
        if policy.needs_decision:
            await evaluation.classify()
        if evaluation.decision is None:
            return Choice(self._targets.upstreams(policy.default, evaluation))
        return self._decided(evaluation, evaluation.decision, f"policies.{name}", policy)

    def _by_rule(self, rule: CompiledRule, default: str, evaluation: Evaluation) -> Choice:
        assert rule.to is not None
        if evaluation.request.operation in EMBEDDING_OPERATIONS:
            return Choice(self._targets.upstreams(rule.to, evaluation), rule=rule.name, movable=False)
        return Choice(self._with_default(rule.to, default, evaluation), rule=rule.name)

    def _decided(self, evaluation: Evaluation, decision: Decision, key: str, policy: CompiledPolicy) -> Choice:
        """The first target that the decision leads to."""
        for candidate in policy.targets(decision):
            if evaluation.note(f"{key}.{candidate.key}", candidate.mismatch) is None:
                names = self._with_default(candidate.target, policy.default, evaluation)
                return Choice(names, label=decision.label, rule=ABSTAIN if candidate.key == ABSTAIN else None)
        evaluation.note(f"{key}.default", None)
        return Choice(self._targets.upstreams(policy.default, evaluation), label=decision.label)

    def _with_default(self, target: str, default: str, evaluation: Evaluation) -> Sequence[str]:
        """The target's upstreams, then the default's as a last resort."""
        names = self._targets.upstreams(target, evaluation)
        if target == default:
            return names
        return tuple(dict.fromkeys((*names, *self._targets.upstreams(default, evaluation))))

    def _plan(self, evaluation: Evaluation, policy: str | None, choice: Choice, candidates: Candidates) -> Plan:
        names = candidates.select(choice.names)
        is_up = evaluation.context.is_up
        classification = evaluation.classification
        problems: list[str] = [classification.reason] if classification and classification.reason else []
        if len(names) > 1 and not all(map(is_up, names)):
            first = names[0]
            names.sort(key=lambda name: not is_up(name))
            problems += [] if names[0] == first else [f"{first} is down"]
        if choice.movable and self._affinity:
            kept = self._affinity.upstream(evaluation, names[0], candidates.is_able)
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
            source=_source(evaluation, choice),
            degraded="; ".join(problems) or None,
            shadow=self._shadow(evaluation, names[0], candidates),
            classified_in=evaluation.classified_in,
        )

    def _shadow(self, evaluation: Evaluation, first: str, candidates: Candidates) -> str | None:
        shadow = self.config.shadows.get(first)
        if shadow is None or evaluation.split_fraction(f"shadow of {first}") >= shadow.share:
            return None
        return shadow.to if candidates.is_able(shadow.to) else None


def _source(evaluation: Evaluation, choice: Choice) -> DecisionSource | None:
    if choice.strategy != STRATEGY_TRITON:
        return None
    if evaluation.classification is not None and evaluation.classification.decisions is not None:
        return evaluation.classification.source
    if choice.rule is not None:
        return DecisionSource.RULES
    return None if evaluation.classification is None else DecisionSource.DEFAULT
