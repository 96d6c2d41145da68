"""Tiny checkpoints in memory: encoders with a few thousand random weights and a head."""

from pathlib import Path

import numpy as np

from edge_router.conversion.checkpoint import Checkpoint
from edge_router.conversion.encoder import BERT, DEBERTA, Encoder

WORDS, INNER, LOGITS = 50, 96, 5
ENCODERS = {
    DEBERTA: Encoder(DEBERTA, 2, 48, 3, epsilon=1e-7, position_buckets=8, max_positions=64),
    BERT: Encoder(BERT, 2, 48, 3, epsilon=1e-12, position_buckets=0, max_positions=64),
}


def checkpoint(architecture: str) -> Checkpoint:
    encoder = ENCODERS[architecture]
    chance = np.random.default_rng(0)
    shapes = {f"encoder.{name}": shape for name, shape in encoder.shapes(WORDS, INNER, token_types=2).items()}
    shapes |= {"head.weight": (LOGITS, encoder.width), "head.bias": (LOGITS,)}
    weights = {
        name: (chance.normal(scale=0.3, size=shape) + name.endswith("LayerNorm.weight")).astype(np.float32)
        for name, shape in shapes.items()
    }
    return Checkpoint(Path("tiny"), encoder, weights, [], {}, Path("tiny/spm.model"), encoder.max_positions)
