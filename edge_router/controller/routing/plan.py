"""What routing says of a request: the upstreams that may answer it, in order, and why."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from edge_router.contract import CHOSEN_CLASSIFIER_HEADER, DECISION_HEADER_PREFIX
from edge_router.controller.classifier.decision import Decision, Decisions
from edge_router.controller.record import RequestRecord

STRATEGY_PINNED = "pinned"
"""The client named the upstream; nothing was classified."""


@dataclass(frozen=True)
class Plan:
    """`upstreams` are names of `routes.yaml`, at least one; the first that can answers. `shadow` is asked too, and its
    answer dropped."""

    upstreams: Sequence[str]
    strategy: str
    policy: str | None = None
    decision: Decision | None = None
    label: str | None = None
    rule: str | None = None
    level: str | None = None
    """Of the ladder: server, local, cached; `rules` or `default` where nobody decided. None where nothing had to be."""
    degraded: str | None = None
    """Why it is not the answer that a healthy system would give."""
    shadow: str | None = None
    classified_in: float | None = None
    """Seconds."""
    decisions: Decisions | None = None
    """Of every policy: one pass of the network decides for all."""

    def headers(self, upstream: str, model: str) -> dict[str, str]:
        """What a reply says of the choice: the old contract's header and `x-edge-router-*`. Values are ASCII, whatever
        labels and names hold."""
        said: Mapping[str, object] = {
            "policy": self.policy,
            "strategy": self.strategy,
            "label": self.label,
            "confidence": self.decision and round(self.decision.confidence, 4),
            "score": None if self.decision is None or self.decision.score is None else round(self.decision.score, 4),
            "rule": self.rule,
            "level": self.level,
            "upstream": upstream,
            "model": model,
            "degraded": self.degraded,
            "classified-in-ms": None if self.classified_in is None else round(self.classified_in * 1000, 2),
        }
        ours = {
            f"{DECISION_HEADER_PREFIX}{name}": header_value(value) for name, value in said.items() if value is not None
        }
        return {CHOSEN_CLASSIFIER_HEADER: header_value(self.label or upstream)} | ours

    def describe(self, record: RequestRecord) -> None:
        """Puts what is known here into the request's record."""
        record.policy = self.policy
        record.strategy = self.strategy
        record.label = self.label
        record.rule = self.rule
        record.level = self.level
        record.degraded = self.degraded
        record.classified_in = self.classified_in


def header_value(value: object) -> str:
    """Labels and names are data: whatever they hold, a header stays one line."""
    text = str(value)
    if text.isascii() and text.isprintable():
        return text
    return "".join(char if char.isascii() and char.isprintable() else "?" for char in text)
