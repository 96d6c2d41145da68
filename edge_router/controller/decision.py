"""What the classifier says of a prompt."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

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
        probabilities = outputs[f"{prefix}_PROBABILITIES"].reshape(-1).tolist()
        label = outputs[f"{prefix}_LABEL"].reshape(-1)[0].decode()
        score = outputs.get(f"{prefix}_SCORE")
        by_label = dict(zip(names, probabilities, strict=True))
        if label not in by_label:
            raise ValueError(f"{policy}: label {label!r} is none of the server's own")
        found[policy] = Decision(label, by_label, None if score is None else float(score.reshape(-1)[0]))
    return found
