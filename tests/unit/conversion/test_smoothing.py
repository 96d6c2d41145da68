"""Smoothing makes a product easier to quantise and does not change its result."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from rich.progress import Progress

from edge_router.conversion.calibration import peaks
from edge_router.conversion.encoder import DEBERTA
from edge_router.conversion.formats import FP32, Format, write
from edge_router.conversion.smoothing import Peaks, factors
from edge_router.engines import EngineSettings
from edge_router.engines.onnx import OnnxEngine
from edge_router.tensors import Array
from tests.support.encoders import WORDS, checkpoint

CHECKPOINT = checkpoint(DEBERTA)
PROMPTS: Sequence[Array] = [np.random.default_rng(tokens).integers(WORDS, size=tokens) for tokens in (5, 9, 30)]
FIRST = "encoder.encoder.layer.0.attention.self"


@pytest.fixture
def found(tmp_path: Path) -> Peaks:
    with Progress(disable=True) as progress:
        return peaks(CHECKPOINT, PROMPTS, tmp_path, progress)


def logits(number_format: Format, folder: Path, found: Peaks | None = None) -> Array:
    write(number_format, CHECKPOINT, folder, found)
    row = PROMPTS[-1][np.newaxis]
    return OnnxEngine.load(folder, EngineSettings(threads=1)).run(row, np.ones_like(row))


def test_smoothing_keeps_the_product(found: Peaks, tmp_path: Path) -> None:
    smooth = logits(replace(FP32, smooth=True), tmp_path, found)
    wanted = logits(FP32, tmp_path)
    assert smooth == pytest.approx(wanted, abs=1e-4)
    assert (smooth != wanted).any()


def test_peaks_are_the_largest_magnitudes_over_all_prompts(found: Peaks, tmp_path: Path) -> None:
    words = CHECKPOINT.weights["encoder.embeddings.word_embeddings.weight"][np.concatenate(PROMPTS)]
    centred = words - words.mean(axis=1, keepdims=True)
    scale, bias = (CHECKPOINT.weights[f"encoder.embeddings.LayerNorm.{part}"] for part in ("weight", "bias"))
    entered = centred / centred.std(axis=1, keepdims=True) * scale + bias
    assert found[FIRST] == pytest.approx(np.abs(entered).max(axis=0), rel=1e-4)
    assert len(found) == 4 * CHECKPOINT.encoder.layers
    assert not list(tmp_path.iterdir())


def test_half_of_an_outlier_moves_into_the_weights() -> None:
    peak, weight = np.array([1.0, 100.0]), np.array([[1.0, -1.0], [0.5, 0.1]])
    factor = factors(peak, weight)
    assert factor == pytest.approx([1, 10])
    assert peak / factor == pytest.approx(np.abs(weight * factor).max(axis=0))


def test_zero_inputs_are_not_scaled() -> None:
    assert factors(np.array([0.0, 3.0, 0.0]), np.array([[1.0, 0.0, 0.0]])).tolist() == [1, 1, 1]
