"""Metrics of predicted labels, confidence and scores, in numpy."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np

from edge_router.tensors import Array


@dataclass(frozen=True)
class Agreement:
    """Agreement of predicted with true labels. `confusion`: counts [true, predicted] over `labels`."""

    labels: Sequence[str]
    confusion: Array

    @classmethod
    def of(cls, true: Sequence[str], predicted: Sequence[str], labels: Sequence[str]) -> Self:
        """`labels`: all labels, in the order in which they are shown. Raises ValueError for an unknown label."""
        at = {label: index for index, label in enumerate(labels)}
        if unknown := sorted({*true, *predicted} - set(at)):
            raise ValueError(f"unknown label {', '.join(unknown)}; labels are {', '.join(labels)}")
        confusion = np.zeros((len(labels), len(labels)), dtype=np.int64)
        np.add.at(confusion, ([at[label] for label in true], [at[label] for label in predicted]), 1)
        return cls(labels, confusion)

    @property
    def n(self) -> int:
        return int(self.confusion.sum())

    @property
    def accuracy(self) -> float:
        return float(np.trace(self.confusion) / max(1, self.n))

    @property
    def f1(self) -> dict[str, float]:
        """F1 = 2 hits / (true + predicted) by label, for labels that occur as true or predicted."""
        hits, total = np.diag(self.confusion), self.confusion.sum(axis=0) + self.confusion.sum(axis=1)
        return {label: float(2 * hits[at] / total[at]) for at, label in enumerate(self.labels) if total[at]}

    @property
    def macro_f1(self) -> float:
        """The mean of `f1`: rare labels count as much as frequent ones."""
        return float(np.mean(list(self.f1.values()) or [0.0]))


def calibration_error(confidence: Array, correct: Array, bins: int = 15) -> float:
    """Expected calibration error (Guo et al. 2017): the mean difference between confidence and accuracy over bins of
    confidence."""
    at = np.minimum((confidence * bins).astype(int), bins - 1)
    gaps = [
        abs(float((correct[at == b] - confidence[at == b]).mean())) * float((at == b).mean()) for b in np.unique(at)
    ]
    return float(sum(gaps))


def separation(low: Array, high: Array) -> float:
    """Area under the ROC curve: the share of pairs in which a value of `high` exceeds one of `low`; equal values count
    half."""
    order = np.sort(low)
    below = np.searchsorted(order, high, side="left") + np.searchsorted(order, high, side="right")
    return float(below.mean() / (2 * len(low)))
