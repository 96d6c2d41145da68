"""The classification extension."""

import numpy as np
import pytest

from edge_router.errors import RequestError
from edge_router.server.classification import top_classes

LABELS = ["a", "b"]


def test_classes_are_sorted_by_value_and_equal_values_by_index() -> None:
    tensor = np.array([[0.25, 0.5, 0.5], [1, 0, 0]], dtype=np.float32)
    found = top_classes("OUTPUT", tensor, 2, LABELS, batched=True)
    assert found.tolist() == [[b"0.500000:1:b", b"0.500000:2"], [b"1.000000:0:a", b"0.000000:1:b"]]


def test_without_a_batch_axis_there_is_one_list() -> None:
    assert top_classes("OUTPUT", np.array([3, 7]), 9, LABELS, batched=False).tolist() == [b"7:1:b", b"3:0:a"]


def test_a_text_output_has_no_classes() -> None:
    with pytest.raises(RequestError, match="LABEL is BYTES"):
        top_classes("LABEL", np.array([[b"a"]], dtype=np.object_), 1, LABELS, batched=True)
