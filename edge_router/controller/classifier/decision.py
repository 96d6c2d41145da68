"""What the classifier says of a prompt."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

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
    there, or are no finite numbers."""
    found = {}
    for policy, names in labels.items():
        prefix = DECISION_PREFIX[policy]
        probabilities = _numbers(outputs, f"{prefix}_PROBABILITIES")
        by_label = dict(zip(names, probabilities, strict=True))
        label = _single(outputs, f"{prefix}_LABEL")
        if not isinstance(label, bytes) or label.decode() not in by_label:
            raise ValueError(f"{policy}: the label is none of the server's own")
        score = _score(outputs, f"{prefix}_SCORE") if f"{prefix}_SCORE" in outputs else None
        found[policy] = Decision(label.decode(), by_label, score)
    return found


def _single(outputs: Tensors, name: str) -> Any:
    if outputs[name].size != 1:
        raise ValueError(f"{name} holds {outputs[name].size} values where one is due")
    return outputs[name].item()


def _score(outputs: Tensors, name: str) -> float:
    [score] = _numbers(outputs, name)
    return score


def _numbers(outputs: Tensors, name: str) -> list[float]:
    if outputs[name].dtype.kind != "f":
        raise ValueError(f"{name} is {outputs[name].dtype}, no float")
    numbers: list[float] = outputs[name].reshape(-1).tolist()
    if not all(map(math.isfinite, numbers)):
        raise ValueError(f"{name} holds what is no finite number")
    return numbers
