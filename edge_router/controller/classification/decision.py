"""What the classifier says of a prompt."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from edge_router.contract import DECISION_PREFIX
from edge_router.tensors import Tensors


@dataclass(frozen=True)
class Decision:
    """`probabilities` by label, in the network's order. `score` is 0..1, or None where the policy has none."""

    label: str
    probabilities: Mapping[str, float]
    score: float | None

    @property
    def confidence(self) -> float:
        return self.probabilities[self.label]


Decisions = Mapping[str, Decision]
"""By policy."""


def decisions(outputs: Tensors, labels: Mapping[str, Sequence[str]]) -> dict[str, Decision]:
    """The decisions in one row of `prompt_router_ensemble`'s outputs. Raises ValueError or KeyError when they are not
    there."""
    found = {}
    for policy, names in labels.items():
        prefix = DECISION_PREFIX[policy]
        probabilities = outputs[f"{prefix}_PROBABILITIES"].astype(np.float64).reshape(-1).tolist()
        by_label = dict(zip(names, probabilities, strict=True))
        label = _single(outputs, f"{prefix}_LABEL")
        if not isinstance(label, bytes) or label.decode() not in by_label:
            raise ValueError(f"{policy}: label {label!r} is none of the server's own")
        score = float(_single(outputs, f"{prefix}_SCORE")) if f"{prefix}_SCORE" in outputs else None
        found[policy] = Decision(label.decode(), by_label, score)
    return found


def _single(outputs: Tensors, name: str) -> Any:
    if outputs[name].size != 1:
        raise ValueError(f"{name} holds {outputs[name].size} values where one is due")
    return outputs[name].item()
