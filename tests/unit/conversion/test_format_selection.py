"""Format selection on weights with outliers, as in trained networks."""

from pathlib import Path

import numpy as np
import pytest
from rich.progress import Progress

from edge_router.contract import NETWORK_FILE
from edge_router.conversion import format_selection
from edge_router.conversion.checkpoint import Checkpoint
from edge_router.conversion.format_selection import Thresholds
from edge_router.conversion.formats import FP32, INT8, write
from edge_router.tensors import Array
from scripts.make_checkpoint import make

THRESHOLDS = Thresholds(agreement=0.9, delta=0.05)
"""Random weights cause near-ties, which rounding decides."""
OUTLIERS = 100


def prompts(count: int, seed: int) -> list[Array]:
    chance = np.random.default_rng(seed)
    return [chance.integers(4, 500, size=tokens) for tokens in chance.integers(2, 60, size=count)]


MEASURED, CALIBRATION = prompts(400, seed=1), prompts(60, seed=2)


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Checkpoint:
    make(folder := tmp_path_factory.mktemp("checkpoint"), outliers=OUTLIERS)
    return Checkpoint.read(folder)


def choose(
    checkpoint: Checkpoint, folder: Path, thresholds: Thresholds, calibration: list[Array]
) -> format_selection.Choice:
    with Progress(disable=True) as progress:
        return format_selection.choose(checkpoint, MEASURED, calibration, folder, thresholds, progress)


def test_int8_passes_with_smoothing_only_when_there_are_outliers(checkpoint: Checkpoint, tmp_path: Path) -> None:
    with Progress(disable=True) as progress:
        write(FP32, checkpoint, tmp_path)
        exact = format_selection.run(tmp_path, MEASURED, "", progress)
        write(INT8, checkpoint, tmp_path)
        found = format_selection.run(tmp_path, MEASURED, "", progress)
    plain = format_selection.compare(INT8, tmp_path, checkpoint, exact, found, THRESHOLDS)
    assert not plain.passes
    choice = choose(checkpoint, tmp_path, THRESHOLDS, CALIBRATION)
    assert choice.format == "int8"
    assert min(choice.tried[0].agreement.values()) > min(plain.agreement.values()) + 0.1
    assert choice.tried[0].delta < plain.delta / 3


def test_fp32_is_chosen_when_no_smaller_format_passes(checkpoint: Checkpoint, tmp_path: Path) -> None:
    choice = choose(checkpoint, tmp_path, Thresholds(agreement=1, delta=0), CALIBRATION)
    assert [found.format for found in choice.tried] == ["int8", "int8-blocks", "fp16-words", "fp32"]
    assert [found.passes for found in choice.tried] == [False, False, False, True]
    assert choice.tried[-1].delta == 0
    assert {file.name for file in tmp_path.iterdir()} == {NETWORK_FILE, f"{NETWORK_FILE}.data"}
    with Progress(disable=True) as progress:
        found = format_selection.run(tmp_path, MEASURED[:3], "", progress)
        write(FP32, checkpoint, tmp_path)
        assert np.array_equal(found, format_selection.run(tmp_path, MEASURED[:3], "", progress))


def test_figures_count_changed_heads_and_the_score(checkpoint: Checkpoint, tmp_path: Path) -> None:
    exact = np.zeros((200, 32), dtype=np.float32)
    exact[:, 0] = 1  # task_type: Brainstorming
    exact[:, 12] = 5  # creativity_scope: the full weight
    found = exact.copy()
    found[:10, 3] = 2  # one in twenty changes its task
    found[:4, 12:15] = [0, 0, 5]  # and one in fifty its creativity: .35 of the score
    figures = format_selection.compare(FP32, tmp_path, checkpoint, exact, found, Thresholds())
    assert figures.agreement["task_type"] == pytest.approx(0.95)
    assert figures.agreement["creativity_scope"] == pytest.approx(0.98)
    assert figures.agreement["reasoning"] == 1
    assert figures.delta == pytest.approx(0.35, abs=0.01)

    def passes(agreement: float, delta: float) -> bool:
        return format_selection.compare(FP32, tmp_path, checkpoint, exact, found, Thresholds(agreement, delta)).passes

    assert passes(0.94, 0.4)
    assert not passes(0.96, 0.4)
    assert not passes(0.94, 0.3)


def test_logits_that_are_not_finite_never_pass(checkpoint: Checkpoint, tmp_path: Path) -> None:
    exact = np.zeros((10, 32), dtype=np.float32)
    found = np.full_like(exact, np.nan)
    assert not format_selection.compare(
        FP32, tmp_path, checkpoint, exact, found, Thresholds(agreement=0, delta=9)
    ).passes
