"""Temperature scaling: calibrates the probabilities of a head (Guo et al. 2017)."""

import numpy as np

from edge_router.tensors import Array

CANDIDATES = np.geomspace(0.25, 4.0, 161)


def temperature(logits: Array, targets: Array) -> float:
    """The temperature that minimises the negative log likelihood of `targets` [rows] for FP32 `logits` [rows,
    classes]."""
    losses = [_loss(logits / candidate, targets) for candidate in CANDIDATES]
    return round(float(CANDIDATES[int(np.argmin(losses))]), 3)


def _loss(logits: Array, targets: Array) -> float:
    shifted = logits - logits.max(axis=1, keepdims=True)
    return float((np.log(np.exp(shifted).sum(axis=1)) - shifted[np.arange(len(targets)), targets]).mean())
