"""The decide stage: labels, probabilities and scores by `decision.json`."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edge_router.contract import DECISION_FILE, LABEL, LOGITS, OUTPUT, PROBABILITIES, SCORE
from edge_router.errors import RepositoryError, RequestError
from edge_router.stages.decide import Decide
from edge_router.tensors import Tensors

TASK: dict[str, Any] = {
    "heads": [{"name": "other", "size": 1}, {"name": "task", "size": 3, "temperature": 2.0}],
    "classes": [{"label": name, "head": "task", "index": at} for at, name in enumerate("ABC")],
    "score": "confidence",
}
DEMAND: dict[str, Any] = {
    "heads": [{"name": "demand", "size": 2, "none": 0.0}],
    "classes": [{"label": "hard", "head": "demand", "index": 0}, {"label": "trivial", "head": "demand", "index": 1}],
    "score": {"hard": 1.0},
}
WEIGHTED: dict[str, Any] = {
    "heads": [{"name": "creativity", "size": 3}, {"name": "shots", "size": 2}],
    "classes": [
        {"label": "Creativity", "head": "creativity", "weights": [2, 1, 0], "divisor": 2},
        {"label": "Few-Shot", "head": "shots", "weights": [0, 1], "floor": 0.05},
    ],
    "score": {"Creativity": 0.35, "Few-Shot": 0.05},
}


def decide(rules: dict[str, Any], tmp_path: Path) -> Decide:
    (tmp_path / DECISION_FILE).write_text(json.dumps(rules))
    return Decide.load(tmp_path, {})


def answer(rules: dict[str, Any], tmp_path: Path, *rows: list[float]) -> Tensors:
    [found] = decide(rules, tmp_path).run([{LOGITS: np.array(rows, dtype=np.float32)}])
    assert not isinstance(found, RequestError), found
    return found


def test_the_best_class_gets_the_one_hot_output_and_the_label(tmp_path: Path) -> None:
    found = answer(TASK, tmp_path, [9, 0, 2, 0], [9, 4, 0, 0])
    assert found[OUTPUT].tolist() == [[0, 1, 0], [1, 0, 0]]
    assert found[LABEL].tolist() == [[b"B"], [b"A"]]
    assert found[PROBABILITIES].sum(axis=1) == pytest.approx([1, 1])
    assert found[SCORE][:, 0] == pytest.approx(found[PROBABILITIES].max(axis=1))
    assert {name: tensor.dtype for name, tensor in found.items() if name != LABEL} == dict.fromkeys(
        (OUTPUT, PROBABILITIES, SCORE), np.dtype(np.float32)
    )


def test_temperature_flattens_the_probabilities(tmp_path: Path) -> None:
    # softmax([1, 0, 0]) after dividing [2, 0, 0] by 2
    assert answer(TASK, tmp_path, [0, 2, 0, 0])[PROBABILITIES][0, 0] == pytest.approx(np.e / (np.e + 2))


def test_equal_logits_choose_the_first_label(tmp_path: Path) -> None:
    assert answer(TASK, tmp_path, [0, 1, 1, 1])[LABEL].tolist() == [[b"A"]]


def test_the_none_logit_lowers_the_score_and_keeps_the_label(tmp_path: Path) -> None:
    nothing, demanding = answer(DEMAND, tmp_path, [-5, -6], [5, -6])[SCORE][:, 0]
    assert nothing < 0.01
    assert demanding > 0.99
    assert answer(DEMAND, tmp_path, [-5, -6])[LABEL].tolist() == [[b"hard"]]
    assert answer(DEMAND, tmp_path, [-5, -6])[PROBABILITIES].sum() == pytest.approx(1)


def test_weighted_heads_score_as_published(tmp_path: Path) -> None:
    # softmax(ln [2, 1, 1]) = [.5, .25, .25] -> (2 * .5 + .25) / 2 = .625; softmax(ln [1, 3]) -> .75
    found = answer(WEIGHTED, tmp_path, [np.log(2), 0, 0, 0, np.log(3)])
    assert found[SCORE][0, 0] == pytest.approx(0.35 * 0.625 + 0.05 * 0.75)
    assert found[LABEL].tolist() == [[b"Few-Shot"]]


def test_a_value_below_the_floor_counts_as_zero(tmp_path: Path) -> None:
    found = answer(WEIGHTED, tmp_path, [0, 0, 0, 0, -9])
    assert found[PROBABILITIES][0, 1] == 0


@pytest.mark.parametrize(
    ("logits", "message"), [([[1.0, 2.0]], "needs 4"), ([[1.0, np.nan, 0, 0]], "not finite")], ids=["width", "nan"]
)
def test_wrong_logits_fail_their_own_request_only(logits: list[list[float]], message: str, tmp_path: Path) -> None:
    right = np.zeros((1, 4), dtype=np.float32)
    wrong, neighbour = decide(TASK, tmp_path).run([{LOGITS: np.array(logits, dtype=np.float32)}, {LOGITS: right}])
    assert isinstance(wrong, RequestError)
    assert message in str(wrong)
    assert not isinstance(neighbour, RequestError)


def changed(key: str, value: Any) -> dict[str, Any]:
    return TASK | {key: value}


@pytest.mark.parametrize(
    ("rules", "message"),
    [
        ({key: value for key, value in TASK.items() if key != "heads"}, "heads"),
        (changed("clases", []), "clases"),
        (changed("classes", []), "classes"),
        (changed("classes", [{"label": "A", "head": "tsk", "index": 0}]), "tsk"),
        (changed("classes", [{"label": "A", "head": "task", "index": 3}]), "index 3"),
        (changed("classes", [{"label": "A", "head": "task"}]), "index or weights"),
        (changed("classes", [{"label": "A", "head": "task", "weights": [1]}]), "1 weights"),
        (changed("classes", [{"label": "A", "head": "task", "index": 0}] * 2), "each label once"),
        (changed("score", {"D": 1.0}), "D is not among the classes"),
        (changed("heads", [{"name": "task", "size": 3, "temperature": 0}]), "temperature"),
        (changed("heads", [{"name": "task", "size": 3, "temprature": 1}]), "temprature"),
    ],
)
def test_wrong_rules_are_refused_naming_file_and_key(rules: dict[str, Any], message: str, tmp_path: Path) -> None:
    with pytest.raises(RepositoryError, match=rf"{DECISION_FILE}.*{message}"):
        decide(rules, tmp_path)
