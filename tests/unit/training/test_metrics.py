import numpy as np
import pytest

from edge_router.training.calibrate import temperature
from edge_router.training.metrics import Agreement, calibration_error, separation


def test_agreement_equals_figures_computed_by_hand() -> None:
    found = Agreement.of(["a", "a", "a", "b"], ["a", "a", "b", "b"], ["a", "b", "never"])
    assert found.confusion.tolist() == [[2, 1, 0], [0, 1, 0], [0, 0, 0]]
    assert (found.n, found.accuracy) == (4, 0.75)
    assert found.f1 == pytest.approx({"a": 0.8, "b": 2 / 3})  # a label that never occurs counts for nothing
    assert found.macro_f1 == pytest.approx((0.8 + 2 / 3) / 2)


def test_an_unknown_label_is_named() -> None:
    with pytest.raises(ValueError, match="unknown label c; labels are a, b"):
        Agreement.of(["a"], ["c"], ["a", "b"])


def test_agreement_without_rows_is_zero() -> None:
    assert Agreement.of([], [], ["a"]).macro_f1 == 0


def test_calibrated_confidence_has_no_calibration_error() -> None:
    confidence = np.full(10, 0.8)
    correct = np.array([True] * 8 + [False] * 2)
    assert calibration_error(confidence, correct) == pytest.approx(0)
    assert calibration_error(confidence, ~correct) == pytest.approx(0.6)


@pytest.mark.parametrize(("low", "high", "area"), [([0, 1], [2, 3], 1.0), ([0, 2], [1, 3], 0.75), ([1], [1], 0.5)])
def test_separation_is_the_area_under_the_roc_curve(low: list[float], high: list[float], area: float) -> None:
    assert separation(np.array(low), np.array(high)) == area


def test_overconfident_logits_get_a_temperature_above_one() -> None:
    chance = np.random.default_rng(0)
    logits = chance.normal(size=(4000, 4))
    shares = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    targets = np.array([chance.choice(4, p=row) for row in shares])
    assert temperature(logits, targets) == pytest.approx(1, rel=0.1)
    assert temperature(3 * logits, targets) == pytest.approx(3, rel=0.1)
