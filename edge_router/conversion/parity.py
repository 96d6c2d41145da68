"""Checks that a network computes the same logits as torch does from the checkpoint."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from edge_router.conversion.checkpoint import Checkpoint
from edge_router.conversion.eager import Eager
from edge_router.conversion.errors import CheckpointError
from edge_router.engines import EngineSettings
from edge_router.engines.onnx import OnnxEngine
from edge_router.tensors import Array

TOLERANCE = 1e-5
"""Largest difference of a logit, as a share of the largest logit."""


def check(checkpoint: Checkpoint, folder: Path, prompts: Sequence[Array]) -> float:
    """The largest difference of a logit between the network in `folder` and eager torch, as a share of the largest
    logit. `prompts`: INT64 [tokens] each. Raises CheckpointError when it is above TOLERANCE."""
    engine, eager = OnnxEngine.load(folder, EngineSettings()), Eager(checkpoint)
    actual, expected = [], []
    for ids in prompts:
        row = ids[np.newaxis]
        actual.append(engine.run(row, np.ones_like(row)))
        with torch.inference_mode():
            expected.append(eager(torch.from_numpy(row), torch.ones_like(torch.from_numpy(row))).numpy())
    difference = float(np.abs(np.concatenate(actual) - np.concatenate(expected)).max() / np.abs(expected).max())
    if not difference <= TOLERANCE:
        raise CheckpointError(
            f"{checkpoint.folder}: the written network differs from torch by {difference:.1e} of the largest logit; "
            f"up to {TOLERANCE:.0e} is rounding, so this encoder is not supported; import it with --graph plain"
        )
    return difference
