"""Eager, the reference: it uses every weight, ignores padding, and equals its plain export."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from edge_router.conversion.checkpoint import Checkpoint
from edge_router.conversion.eager import Eager, export_plain
from edge_router.conversion.encoder import BERT, DEBERTA
from edge_router.engines import EngineSettings
from edge_router.engines.onnx import OnnxEngine
from edge_router.tensors import Array
from tests.support.encoders import LOGITS, WORDS, checkpoint

pytestmark = pytest.mark.parametrize("architecture", [DEBERTA, BERT])


def run(found: Checkpoint, ids: Array, mask: Array) -> Array:
    logits: Array = Eager(found)(torch.from_numpy(ids), torch.from_numpy(mask)).numpy()
    return logits


def rows(count: int, tokens: int) -> tuple[Array, Array]:
    """Random ids and masks; each row is shorter than the one before it."""
    ids = np.random.default_rng(1).integers(WORDS, size=(count, tokens))
    mask = (np.arange(tokens) < np.maximum(tokens - np.arange(count)[:, np.newaxis], 1)).astype(np.int64)
    return ids, mask


def test_padding_and_neighbours_change_nothing(architecture: str) -> None:
    found = checkpoint(architecture)
    ids, mask = rows(3, 20)
    alone = [run(found, ids[[row], : 20 - row], mask[[row], : 20 - row])[0] for row in range(3)]
    assert run(found, ids, mask) == pytest.approx(np.stack(alone), abs=1e-5)


def test_every_weight_affects_the_logits(architecture: str) -> None:
    found = checkpoint(architecture)
    ids, mask = rows(1, 20)
    before = run(found, ids, mask)
    assert before.shape == (1, LOGITS)
    for name, value in found.weights.items():
        if name.endswith("self.key.bias"):
            continue  # the softmax cancels it in a BERT
        changed = replace(found, weights={**found.weights, name: value[::-1].copy()})
        assert np.abs(run(changed, ids, mask) - before).max() > 1e-4, name


def test_the_plain_export_equals_it_at_every_shape(architecture: str, tmp_path: Path) -> None:
    found = checkpoint(architecture)
    export_plain(found, tmp_path / "model.onnx")
    assert {file.name for file in tmp_path.iterdir()} == {"model.onnx", "model.onnx.data"}
    engine = OnnxEngine.load(tmp_path, EngineSettings(threads=1))
    for shape in ((1, 2), (1, 64), (8, 17)):
        ids, mask = rows(*shape)
        assert engine.run(ids, mask) == pytest.approx(run(found, ids, mask), abs=1e-5)
