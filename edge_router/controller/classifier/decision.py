"""The decision of one policy on one prompt: label, probabilities, score."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias


@dataclass(frozen=True)
class Decision:
    """`probabilities` by label, in the network's order. `score` is 0..1, or None for a policy without a score."""

    label: str
    probabilities: Mapping[str, float]
    score: float | None

    @property
    def confidence(self) -> float:
        """The probability of the label."""
        return self.probabilities[self.label]

    @property
    def margin(self) -> float:
        """The label's probability minus that of the next label."""
        others = (share for label, share in self.probabilities.items() if label != self.label)
        return self.confidence - max(others, default=0)


Decisions: TypeAlias = Mapping[str, Decision]
"""Decisions keyed by policy name."""
