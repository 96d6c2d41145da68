"""An ensemble's outputs become decisions, or are refused."""

from typing import Any

import numpy as np
import pytest

from edge_router.contract import COMPLEXITY_ROUTER, TASK_ROUTER
from edge_router.controller.classifier import Decision, read_decisions
from edge_router.tensors import text_tensor

LABELS = {TASK_ROUTER: ["Chatbot", "Code"], COMPLEXITY_ROUTER: ["Reasoning", "Creativity"]}


def outputs(**changed: Any) -> dict[str, Any]:
    return {
        "TASK_LABEL": text_tensor([b"Code"]),
        "TASK_PROBABILITIES": np.array([[0.25, 0.75]], np.float32),
        "COMPLEXITY_LABEL": text_tensor([b"Reasoning"]),
        "COMPLEXITY_PROBABILITIES": np.array([[0.75, 0.25]], np.float32),
        "COMPLEXITY_SCORE": np.array([[0.5]], np.float32),
    } | changed


def test_one_reply_holds_the_decisions_of_both_policies() -> None:
    assert read_decisions(outputs(), LABELS) == {
        TASK_ROUTER: Decision("Code", {"Chatbot": 0.25, "Code": 0.75}, None),
        COMPLEXITY_ROUTER: Decision("Reasoning", {"Reasoning": 0.75, "Creativity": 0.25}, 0.5),
    }


@pytest.mark.parametrize("number", [float("nan"), float("inf"), float("-inf")])
@pytest.mark.parametrize("output", ["COMPLEXITY_SCORE", "COMPLEXITY_PROBABILITIES"])
def test_a_number_that_is_not_finite_is_refused(output: str, number: float) -> None:
    broken = outputs()
    broken[output][0, 0] = number
    with pytest.raises(ValueError, match=output):
        read_decisions(broken, LABELS)


def test_a_refusal_does_not_quote_the_server() -> None:
    with pytest.raises(ValueError, match="not one of the server's labels") as refused:
        read_decisions(outputs(TASK_LABEL=text_tensor([b"the prompt itself"])), LABELS)
    assert "prompt" not in str(refused.value)
