"""One policy's answer for one prompt, read from the network's output tensors."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from edge_router.contract import LABEL, PROBABILITIES, SCORE, output_prefix
from edge_router.tensors import Tensors


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


def read_decisions(outputs: Tensors, labels: Mapping[str, Sequence[str]]) -> dict[str, Decision]:
    """Reads one row of `prompt_router_ensemble`'s outputs.

    Raises KeyError when an output is missing, ValueError when it has another shape, type or label, or is not finite.
    """
    decisions = {}
    for policy, names in labels.items():
        prefix = output_prefix(policy)
        probabilities = dict(zip(names, _floats(outputs, f"{prefix}_{PROBABILITIES}"), strict=True))
        label = _item(outputs, f"{prefix}_{LABEL}")
        if not isinstance(label, bytes) or label.decode() not in probabilities:
            raise ValueError(f"{policy}: the label is not one of the server's labels")
        score = _float(outputs, f"{prefix}_{SCORE}") if f"{prefix}_{SCORE}" in outputs else None
        decisions[policy] = Decision(label.decode(), probabilities, score)
    return decisions


def _item(outputs: Tensors, name: str) -> Any:
    if outputs[name].size != 1:
        raise ValueError(f"{name} holds {outputs[name].size} values; 1 is expected")
    return outputs[name].item()


def _float(outputs: Tensors, name: str) -> float:
    [number] = _floats(outputs, name)
    return number


def _floats(outputs: Tensors, name: str) -> list[float]:
    if outputs[name].dtype.kind != "f":
        raise ValueError(f"{name} is {outputs[name].dtype}; a float type is expected")
    numbers: list[float] = outputs[name].reshape(-1).tolist()
    if not all(map(math.isfinite, numbers)):
        raise ValueError(f"{name} holds a number that is not finite")
    return numbers
