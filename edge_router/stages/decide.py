"""Turns logits into a decision, by the heads, classes and score weights in `decision.json`.

    {"heads":   [{"name": "task", "size": 12, "temperature": 1.2},      heads side by side in the logits, in this order
                 {"name": "complexity", "size": 7, "none": 0.0}, ...],
     "classes": [{"label": "Chatbot", "head": "task", "index": 1},      one logit of a head, or
                 {"label": "Reasoning", "head": "reasoning", "weights": [0, 1], "divisor": 1, "floor": 0.05}, ...],
     "score":   {"Reasoning": 0.25, ...}  or  "confidence"}

A head's softmax is taken over its logits divided by `temperature`. If the head has `none`, the softmax includes that
constant logit: the probability that none of the head's classes applies. The value of a class is its softmax value, or
sum(softmax * weights) / divisor, or 0 when that is below `floor`.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal, Self

import numpy as np

from edge_router.contract import DECISION_FILE, LABEL, LOGITS, OUTPUT, PROBABILITIES, SCORE
from edge_router.errors import RepositoryError, RequestError
from edge_router.tensors import Array, Tensors

CONFIDENCE: Final = "confidence"
"""The value of `score` that stands for the probability of the best class."""


@dataclass(frozen=True, kw_only=True)
class Head:
    """One head of the network: `size` logits with a softmax of their own."""

    name: str
    size: int
    temperature: float = 1.0
    none: float | None = None


@dataclass(frozen=True, kw_only=True)
class DecisionClass:
    """A class of the policy: a logit of its head (`index`), or a weighted sum of the head (`weights`, `divisor`,
    `floor`)."""

    label: str
    head: str
    index: int | None = None
    weights: Sequence[float] | None = None
    divisor: float = 1.0
    floor: float = 0.0

    def weights_of(self, size: int) -> Array:
        """The weight of each softmax value of the head in this class; `size`: of the head."""
        if self.index is not None:
            weights = np.zeros(size)
            weights[self.index] = 1
            return weights
        return np.asarray(self.weights, dtype=np.float64) / self.divisor

    def check(self, size: int) -> None:
        """`size`: of the head. Raises ValueError."""
        if (self.index is None) == (self.weights is None):
            raise ValueError(f"classes: {self.label!r} needs either index or weights")
        if self.index is not None and not 0 <= self.index < size:
            raise ValueError(f"classes: {self.label!r} has index {self.index}; head {self.head!r} has size {size}")
        if self.weights is not None and len(self.weights) != size:
            raise ValueError(f"classes: {self.label!r} has {len(self.weights)} weights; head {self.head!r} has {size}")


@dataclass(frozen=True, kw_only=True)
class DecisionRules:
    """The content of a `decision.json`, checked. Raises ValueError naming the key that is wrong."""

    heads: Sequence[Head]
    classes: Sequence[DecisionClass]
    score: Mapping[str, float] | Literal["confidence"]

    def __post_init__(self) -> None:
        sizes = {head.name: head.size for head in self.heads}
        for item in self.classes:
            if item.head not in sizes:
                raise ValueError(f"classes: {item.label!r} names head {item.head!r}; heads are {', '.join(sizes)}")
            item.check(sizes[item.head])
        labels = [item.label for item in self.classes]
        if not labels or len(set(labels)) < len(labels):
            raise ValueError("classes: give at least one, each label once")
        if self.score != CONFIDENCE and (unknown := set(self.score) - set(labels)):
            raise ValueError(f"score: {', '.join(sorted(unknown))} is not among the classes")
        if any(head.temperature <= 0 for head in self.heads):
            raise ValueError("heads: temperature must be above 0")

    @classmethod
    def of(cls, content: Mapping[str, Any]) -> Self:
        """Raises KeyError, TypeError or ValueError naming the key that is wrong."""
        heads = [Head(**head) for head in content["heads"]]
        classes = [DecisionClass(**item) for item in content["classes"]]
        return cls(**{**content, "heads": heads, "classes": classes})

    @classmethod
    def read(cls, file: Path) -> Self:
        """Raises RepositoryError naming file and key."""
        try:
            return cls.of(json.loads(file.read_text()))
        except KeyError as error:
            raise RepositoryError(f"{file}: {error} is missing") from error
        except (OSError, TypeError, ValueError) as error:
            raise RepositoryError(f"{file}: {error}") from error

    @property
    def labels(self) -> list[str]:
        return [item.label for item in self.classes]


class Decide:
    """The decide stage: logits FP32 [rows, logits] -> OUTPUT FP32 one-hot, LABEL BYTES, PROBABILITIES FP32, SCORE
    FP32."""

    def __init__(self, rules: DecisionRules) -> None:
        ends = np.cumsum([head.size for head in rules.heads]).tolist()
        self._width = ends[-1]
        self._heads = [
            (slice(end - head.size, end), head, _ClassWeights.of(rules.classes, head))
            for head, end in zip(rules.heads, ends, strict=True)
            if any(item.head == head.name for item in rules.classes)
        ]
        self._labels = np.array([label.encode() for label in rules.labels], dtype=np.object_)
        self._score = (
            None if rules.score == CONFIDENCE else np.array([rules.score.get(label, 0.0) for label in rules.labels])
        )

    @classmethod
    def load(cls, folder: Path, parameters: Mapping[str, str]) -> Self:
        return cls(DecisionRules.read(folder / DECISION_FILE))

    def run(self, requests: Sequence[Tensors]) -> list[Tensors | RequestError]:
        return [self._request(request[LOGITS]) for request in requests]

    def _request(self, logits: Array) -> Tensors | RequestError:
        if logits.shape[1] != self._width:
            return RequestError(f"{LOGITS} has {logits.shape[1]} values a row; this version needs {self._width}")
        if not np.isfinite(logits).all():
            return RequestError(f"{LOGITS} contains a value that is not finite")
        values = self._values(logits.astype(np.float64))
        best = values.argmax(axis=1)  # the first of equal values, so that the decision is deterministic
        total = values.sum(axis=1, keepdims=True)
        probabilities = np.divide(values, total, out=np.full_like(values, 1 / values.shape[1]), where=total > 0)
        score = probabilities.max(axis=1) if self._score is None else values @ self._score
        one_hot = np.zeros(values.shape, dtype=np.float32)
        one_hot[np.arange(len(best)), best] = 1
        return {
            OUTPUT: one_hot,
            LABEL: self._labels[best][:, np.newaxis],
            PROBABILITIES: probabilities.astype(np.float32),
            SCORE: score.astype(np.float32)[:, np.newaxis],
        }

    def _values(self, logits: Array) -> Array:
        """The value of each class, [rows, classes]."""
        values = np.empty((len(logits), len(self._labels)))
        for columns, head, weights in self._heads:
            weights.fill(values, _softmax(logits[:, columns], head))
        return values


class _ClassWeights:
    """The weights of one head's softmax values in its classes."""

    def __init__(self, classes: Sequence[int], weights: Array, floors: Array) -> None:
        """`classes`: their indices; `weights`: [head's size, classes]; `floors`: [classes]."""
        self._classes = classes
        self._weights = weights
        self._floors = floors

    @classmethod
    def of(cls, classes: Sequence[DecisionClass], head: Head) -> Self:
        own = [(at, item) for at, item in enumerate(classes) if item.head == head.name]
        weights = np.stack([item.weights_of(head.size) for _, item in own], axis=1)
        return cls([at for at, _ in own], weights, np.array([item.floor for _, item in own]))

    def fill(self, values: Array, softmax: Array) -> None:
        """Writes the values of this head's classes into their columns of `values`."""
        sums = np.einsum("rs,sc->rc", softmax, self._weights)  # unlike a matrix product, independent of the row count
        values[:, self._classes] = np.where(sums < self._floors, 0.0, sums)


def _softmax(logits: Array, head: Head) -> Array:
    """The head's softmax [rows, head.size]; a row sums to less than 1 when the head has a `none` logit."""
    scaled = logits / head.temperature
    none = -np.inf if head.none is None else head.none
    highest = np.maximum(scaled.max(axis=1, keepdims=True), none)
    powers = np.exp(scaled - highest)
    softmax: Array = powers / (powers.sum(axis=1, keepdims=True) + np.exp(none - highest))
    return softmax
