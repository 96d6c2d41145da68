"""Measures a network on labelled prompts: agreement, calibration error, and the separation of prompts by the score."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from edge_router.contract import LABEL, LOGITS, PROBABILITIES, SCORE
from edge_router.stages.decide import Decide
from edge_router.tensors import Array
from edge_router.training.data import Example
from edge_router.training.metrics import Agreement, calibration_error, separation
from edge_router.training.recipe import HeadRecipe

TRIVIAL = 0.0
"""The score weight of a label that needs no strong LLM."""


@dataclass(frozen=True)
class Measured:
    """Metrics of one policy."""

    agreement: Agreement
    calibration_error: float
    separation: float | None = None
    """For a policy with a score: how often a demanding prompt has a higher score than a prompt without a label."""


def measure(
    policy: str,
    decide: Decide,
    logits: Array,
    examples: Sequence[Example],
    head: HeadRecipe,
) -> Measured:
    """Metrics of `policy`. `logits`: FP32 [examples, logits]. Rows without a label count for the separation only."""
    [decided] = decide.run([{LOGITS: logits}])
    if isinstance(decided, Exception):
        raise decided
    true_labels = [example.label(policy) for example in examples]
    labelled = np.array([label is not None for label in true_labels])
    true = [label for label in true_labels if label is not None]
    predicted = [label.decode() for label in decided[LABEL][labelled, 0]]
    correct = np.array([a == b for a, b in zip(true, predicted, strict=True)])
    error = calibration_error(decided[PROBABILITIES][labelled].max(axis=1), correct)
    apart = None
    if head.score is not None and head.none_weight is not None and not labelled.all():
        demanding = np.array([label is not None and head.score.get(label, TRIVIAL) > TRIVIAL for label in true_labels])
        apart = separation(decided[SCORE][~labelled, 0], decided[SCORE][demanding, 0])
    return Measured(Agreement.of(true, predicted, head.labels), error, apart)
