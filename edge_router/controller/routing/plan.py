"""The result of routing: the upstreams that may answer a request, in order, and the reason."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from edge_router.contract import CHOSEN_CLASSIFIER_HEADER, DECISION_HEADER_PREFIX
from edge_router.controller.classifier import Decision, Decisions, DecisionSource

STRATEGY_PINNED = "pinned"
"""Strategy of a request that names its upstream or model, so that no policy decides."""


@dataclass(frozen=True)
class Plan:
    """`upstreams` are names of `routes.yaml`, at least one, in the order in which they are tried."""

    upstreams: Sequence[str]
    strategy: str
    policy: str | None = None
    decision: Decision | None = None
    label: str | None = None
    rule: str | None = None
    source: DecisionSource | None = None
    """None when the client named the upstream, or nothing had to be decided."""
    degraded: str | None = None
    """The problem that may have changed the decision: a missing classifier, or an upstream that is down."""
    shadow: str | None = None
    """An upstream that gets the same request; its answer is dropped."""
    classified_in: float | None = None
    """Seconds."""
    decisions: Decisions | None = None
    """The decisions of every policy: one pass of the network decides for all."""

    def headers(self, upstream: str, model: str) -> dict[str, str]:
        """The reply headers about the decision: the old contract's and `x-edge-router-*`. Values are ASCII."""
        values: Mapping[str, object] = {
            "policy": self.policy,
            "strategy": self.strategy,
            "label": self.label,
            "confidence": self.decision and round(self.decision.confidence, 4),
            "score": None if self.decision is None or self.decision.score is None else round(self.decision.score, 4),
            "rule": self.rule,
            "source": self.source,
            "level": self.source,  # deprecated name of `source`, which earlier clients read
            "upstream": upstream,
            "model": model,
            "degraded": self.degraded,
            "classified-in-ms": None if self.classified_in is None else round(self.classified_in * 1000, 2),
        }
        headers = {
            f"{DECISION_HEADER_PREFIX}{name}": header_value(value)
            for name, value in values.items()
            if value is not None
        }
        return {CHOSEN_CLASSIFIER_HEADER: header_value(self.label or upstream)} | headers

    def to_json(self, model: str) -> dict[str, Any]:
        """The decision as `/v1/route` answers it. `model`: that of the first upstream."""
        decision = self.decision
        return {
            "object": "route",
            "upstreams": self.upstreams,
            "model": model,
            "strategy": self.strategy,
            "policy": self.policy,
            "label": self.label,
            "confidence": decision and decision.confidence,
            "score": decision and decision.score,
            "probabilities": decision and decision.probabilities,
            "decisions": self.decisions and {policy: _decision(each) for policy, each in self.decisions.items()},
            "rule": self.rule,
            "source": self.source,
            "level": self.source,  # deprecated name of `source`, which earlier clients read
            "degraded": self.degraded,
        }


def _decision(decision: Decision) -> dict[str, Any]:
    return {"label": decision.label, "score": decision.score, "probabilities": decision.probabilities}


def header_value(value: object) -> str:
    """One printable ASCII line: labels and names are data and may hold anything."""
    text = str(value)
    if text.isascii() and text.isprintable():
        return text
    return "".join(char if char.isascii() and char.isprintable() else "?" for char in text)
