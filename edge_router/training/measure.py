"""What a network makes of labelled prompts: agreement, honesty of its confidence, and whether the score tells
demanding prompts."""

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
"""A label with this share of the score asks nothing of an LLM."""


@dataclass(frozen=True)
class Measured:
    agreement: Agreement
    calibration_error: float
    separation: float | None = None
    """Of a policy with a score: how often the score of a demanding prompt exceeds that of a prompt that no label
    fits."""


def measure(
    policy: str,
    decide: Decide,
    logits: Array,
    examples: Sequence[Example],
    head: HeadRecipe,
) -> Measured:
    """`logits` FP32 [examples, logits]. Rows without a label for the policy count for the separation alone."""
    [decided] = decide.run([{LOGITS: logits}])
    if isinstance(decided, Exception):
        raise decided
    wanted = [example.label(policy) for example in examples]
    labelled = np.array([label is not None for label in wanted])
    true = [label for label in wanted if label is not None]
    predicted = [label.decode() for label in decided[LABEL][labelled, 0]]
    correct = np.array([a == b for a, b in zip(true, predicted, strict=True)])
    error = calibration_error(decided[PROBABILITIES][labelled].max(axis=1), correct)
    apart = None
    if head.score is not None and head.none_weight is not None and not labelled.all():
        demanding = np.array([label is not None and head.score.get(label, TRIVIAL) > TRIVIAL for label in wanted])
        apart = separation(decided[SCORE][~labelled, 0], decided[SCORE][demanding, 0])
    return Measured(Agreement.of(true, predicted, head.labels), error, apart)
