"""The classify stage, with an engine that adds numbers."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from edge_router.contract import ATTENTION_MASK, INPUT_IDS, LOGITS, TASK_ROUTER
from edge_router.engines import EngineError
from edge_router.errors import RepositoryError, RequestError
from edge_router.settings import model_repository
from edge_router.stages.classify import Classify
from edge_router.tensors import Array, Tensors


class SumEngine:
    """An engine whose logits are the sum of a row's ids and its length. It refuses id 99 and records its shapes."""

    masked = True

    def __init__(self) -> None:
        self.shapes: list[tuple[int, ...]] = []

    def run(self, ids: Array, mask: Array) -> Array:
        self.shapes.append(ids.shape)
        if (ids == 99).any():
            raise EngineError("refused")
        return np.stack([ids.sum(axis=1), mask.sum(axis=1)], axis=1).astype(np.float32)


def request(*rows: Sequence[int]) -> Tensors:
    width = max(map(len, rows))
    ids = np.array([[*row, *[0] * (width - len(row))] for row in rows], dtype=np.int64)
    mask = np.array([[1] * len(row) + [0] * (width - len(row)) for row in rows], dtype=np.int64)
    return {INPUT_IDS: ids, ATTENTION_MASK: mask}


def logits(answer: Tensors | RequestError) -> list[list[float]]:
    assert not isinstance(answer, RequestError), answer
    found: list[list[float]] = answer[LOGITS].tolist()
    return found


def test_requests_of_different_lengths_keep_their_order() -> None:
    answers = Classify(SumEngine(), rows_per_run=8).run([request([1, 2, 3], [4]), request([5]), request([6, 7, 8])])
    assert [logits(answer) for answer in answers] == [[[6, 3], [4, 1]], [[5, 1]], [[21, 3]]]


@pytest.mark.parametrize(("rows_per_run", "shapes"), [(1, [(1, 2)] * 3), (2, [(2, 2), (1, 2)]), (8, [(3, 2)])])
def test_rows_of_one_length_share_a_run_up_to_the_limit(rows_per_run: int, shapes: list[tuple[int, int]]) -> None:
    engine = SumEngine()
    Classify(engine, rows_per_run).run([request([1, 2]), request([3, 4], [5, 6])])
    assert engine.shapes == shapes


def test_padding_never_reaches_the_network() -> None:
    engine = SumEngine()
    Classify(engine, rows_per_run=8).run([request([1], [1, 2, 3, 4])])
    assert sorted(engine.shapes) == [(1, 1), (1, 4)]


def test_rows_padded_to_one_bucket_share_a_run_under_a_mask() -> None:
    engine = SumEngine()
    classify = Classify(engine, rows_per_run=8, buckets=[2, 4])
    answers = classify.run([request([1], [1, 2, 3]), request([5, 6, 7, 8], [9, 9])])
    assert sorted(engine.shapes) == [(2, 2), (2, 4)]
    assert [logits(answer) for answer in answers] == [[[1, 1], [6, 3]], [[26, 4], [18, 2]]]


def test_a_row_beyond_the_last_bucket_runs_at_its_own_length() -> None:
    engine = SumEngine()
    Classify(engine, rows_per_run=8, buckets=[2]).run([request([1, 2, 3])])
    assert engine.shapes == [(1, 3)]


@pytest.mark.parametrize("buckets", [[], [2]])
def test_a_row_that_the_network_refuses_fails_alone(buckets: list[int]) -> None:
    good, bad, also_good = Classify(SumEngine(), 8, buckets).run([request([1, 2]), request([99, 2]), request([3, 4])])
    assert logits(good) == [[3, 2]]
    assert isinstance(bad, RequestError)
    assert logits(also_good) == [[7, 2]]


@pytest.mark.parametrize(
    ("ids", "mask", "message"),
    [
        ([[1, 2]], [[1]], "equal shapes"),
        ([[1, 2]], [[0, 0]], "row 0: no token"),
        ([[1, 2]], [[0, 1]], "pad on the right"),
        ([[1, -2]], [[1, 1]], "negative"),
    ],
)
def test_malformed_ids_are_refused_with_the_reason(ids: list[list[int]], mask: list[list[int]], message: str) -> None:
    wrong = {INPUT_IDS: np.array(ids), ATTENTION_MASK: np.array(mask)}
    answer, neighbour = Classify(SumEngine(), rows_per_run=1).run([wrong, request([1])])
    assert isinstance(answer, RequestError)
    assert message in str(answer)
    assert logits(neighbour) == [[1, 1]]


@pytest.mark.parametrize(
    "parameters",
    [
        {"THREADS": "two"},
        {"THREADS": "-1"},
        {"ROWS_PER_RUN": "0"},
        {"ENGINE": "tea"},
        {"NETWORK": "../2/model.onnx"},
        {"LENGTH_BUCKETS": "16,many"},
        {"LENGTH_BUCKETS": "32,16"},
        {"LENGTH_BUCKETS": "0,16"},
        {"LENGTH_BUCKETS": "16,"},
    ],
    ids=str,
)
def test_a_wrong_parameter_is_named(parameters: dict[str, str], tmp_path: Path) -> None:
    with pytest.raises(RepositoryError, match=next(iter(parameters))):
        Classify.load(tmp_path, parameters)


def test_rows_are_not_padded_for_a_network_without_a_mask() -> None:
    starter = model_repository() / TASK_ROUTER / "1"
    with pytest.raises(RepositoryError, match="LENGTH_BUCKETS pads rows, but the network takes no mask"):
        Classify.load(starter, {"LENGTH_BUCKETS": "16,32"})
