"""Decision to upstream. Pure: no I/O, no clock."""

from collections.abc import Mapping
from dataclasses import dataclass

from edge_router.contract import (
    AUTO_MODEL,
    CHOSEN_CLASSIFIER_HEADER,
    DECISION_HEADER_PREFIX,
    STRATEGY_MANUAL,
    STRATEGY_TRITON,
)
from edge_router.controller.asked import Ask
from edge_router.controller.classification.decision import Decision
from edge_router.controller.routes.routes import Routes
from edge_router.errors import NotFoundError

STRATEGY_PINNED = "pinned"
"""The client named the upstream; nothing was classified."""


@dataclass(frozen=True)
class Choice:
    """Where a request goes, and why."""

    upstream: str
    strategy: str
    policy: str | None = None
    decision: Decision | None = None
    label: str | None = None
    degraded: str | None = None
    classified_in: float | None = None
    """Seconds."""

    def headers(self, model: str) -> dict[str, str]:
        """What the reply says of the choice; `model` is the upstream's. Values are ASCII, whatever the labels are."""
        said: Mapping[str, object] = {
            "policy": self.policy,
            "strategy": self.strategy,
            "label": self.label,
            "confidence": self.decision and round(self.decision.confidence, 4),
            "score": self.decision and self.decision.score is not None and round(self.decision.score, 4),
            "upstream": self.upstream,
            "model": model,
            "degraded": self.degraded,
            "classified-in-ms": self.classified_in and round(self.classified_in * 1000, 2),
        }
        ours = {f"{DECISION_HEADER_PREFIX}{name}": _ascii(value) for name, value in said.items() if _is_said(value)}
        return {CHOSEN_CLASSIFIER_HEADER: _ascii(self.label or self.upstream)} | ours


def policy_asked(ask: Ask, routes: Routes) -> str | None:
    """The policy that must decide; None when the client has decided. Raises NotFoundError for a policy that is not
    there."""
    if ask.policy is not None:
        if ask.policy not in routes.policies:
            raise NotFoundError(f"policy {ask.policy!r} is not configured; there are {', '.join(routes.policies)}")
        return ask.policy if ask.strategy == STRATEGY_TRITON else None
    if ask.model == AUTO_MODEL:
        return routes.auto
    return ask.model if ask.model in routes.policies else None


def decided(policy: str, decision: Decision, routes: Routes) -> Choice:
    """The highest score reached decides, then the label, then the default."""
    rules = routes.policies[policy]
    by_score = (rule.upstream for rule in rules.score if decision.score is not None and decision.score >= rule.at_least)
    upstream = next(by_score, None) or rules.routes.get(decision.label) or rules.default or routes.default
    return Choice(upstream, STRATEGY_TRITON, policy, decision, decision.label)


def undecided(policy: str, reason: str, routes: Routes) -> Choice:
    """Nobody could classify: the default answers and says so."""
    return Choice(routes.policies[policy].default or routes.default, STRATEGY_TRITON, policy, degraded=reason)


def pinned(ask: Ask, routes: Routes) -> Choice:
    """The client named a label of a policy (old contract), an upstream or its model. Raises NotFoundError when it is
    none."""
    name = ask.model or ""
    strategy = STRATEGY_PINNED if ask.policy is None else STRATEGY_MANUAL
    if ask.policy is not None and name in routes.policies[ask.policy].routes:
        return Choice(routes.policies[ask.policy].routes[name], strategy, ask.policy, label=name)
    for upstream, target in routes.upstreams.items():
        if name in (upstream, target.model):
            return Choice(upstream, strategy, ask.policy)
    raise NotFoundError(f"model {name[:80]!r} is not served here; GET /v1/models lists what is")


def _is_said(value: object) -> bool:
    return value is not None and value is not False


def _ascii(value: object) -> str:
    """Labels and names are data: whatever they hold, a header stays one line."""
    return "".join(char if char.isascii() and char.isprintable() else "?" for char in str(value))
