"""Whether a network computes what torch computes from the checkpoint."""

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
"""Of the largest logit."""


def check(checkpoint: Checkpoint, folder: Path, prompts: Sequence[Array]) -> float:
    """The largest difference of a logit between the network in `folder` and eager torch, as a share of the largest
    logit. `prompts`: INT64 [tokens] each. Raises CheckpointError when it is above TOLERANCE."""
    engine, eager = OnnxEngine.load(folder, EngineSettings()), Eager(checkpoint)
    found, wanted = [], []
    for ids in prompts:
        row = ids[np.newaxis]
        found.append(engine.run(row, np.ones_like(row)))
        with torch.inference_mode():
            wanted.append(eager(torch.from_numpy(row), torch.ones_like(torch.from_numpy(row))).numpy())
    difference = float(np.abs(np.concatenate(found) - np.concatenate(wanted)).max() / np.abs(wanted).max())
    if not difference <= TOLERANCE:
        raise CheckpointError(
            f"{checkpoint.folder}: the written network differs from torch by {difference:.1e} of the largest logit; "
            f"up to {TOLERANCE:.0e} is rounding, so this encoder is not the one it was taken for"
        )
    return difference
