"""The input of `prompt_router_ensemble`, and the decisions in its output tensors."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from edge_router.contract import INPUT, LABEL, PROBABILITIES, PROMPT_ROUTER_ENSEMBLE, SCORE, output_prefix
from edge_router.controller.classifier.classification import Labels
from edge_router.controller.classifier.decision import Decision, Decisions
from edge_router.errors import RequestError
from edge_router.tensors import Tensors, text_tensor
from edge_router.v2.client import ResponseError


def ensemble_request(text: str) -> Tensors:
    """The input tensors that classify `text`. Raises RequestError when it is not valid Unicode."""
    try:
        return {INPUT: text_tensor([text.encode()])}
    except UnicodeEncodeError as error:
        raise RequestError(
            f"the prompt holds a lone surrogate at character {error.start}; send valid Unicode"
        ) from None


def ensemble_decisions(outputs: Tensors, labels: Labels) -> Decisions:
    """The decisions in an ensemble's output tensors. Raises ResponseError when they do not match `labels`."""
    try:
        return read_decisions(outputs, labels)
    except (KeyError, ValueError) as error:
        raise ResponseError(f"{PROMPT_ROUTER_ENSEMBLE}: the answer does not match the server's labels") from error


def read_decisions(outputs: Tensors, labels: Mapping[str, Sequence[str]]) -> dict[str, Decision]:
    """Reads one row of `prompt_router_ensemble`'s outputs.

    Raises KeyError when an output is missing, ValueError when it has another shape, type or label, or is not finite.
    """
    decisions = {}
    for policy, names in labels.items():
        prefix = output_prefix(policy)
        probabilities = dict(zip(names, _floats(outputs, f"{prefix}_{PROBABILITIES}"), strict=True))
        label = _item(outputs, f"{prefix}_{LABEL}")
        if not isinstance(label, bytes) or label.decode() not in probabilities:
            raise ValueError(f"{policy}: the label is not one of the server's labels")
        score = _float(outputs, f"{prefix}_{SCORE}") if f"{prefix}_{SCORE}" in outputs else None
        decisions[policy] = Decision(label.decode(), probabilities, score)
    return decisions


def _item(outputs: Tensors, name: str) -> Any:
    if outputs[name].size != 1:
        raise ValueError(f"{name} holds {outputs[name].size} values; 1 is expected")
    return outputs[name].item()


def _float(outputs: Tensors, name: str) -> float:
    [number] = _floats(outputs, name)
    return number


def _floats(outputs: Tensors, name: str) -> list[float]:
    if outputs[name].dtype.kind != "f":
        raise ValueError(f"{name} is {outputs[name].dtype}; a float type is expected")
    numbers: list[float] = outputs[name].reshape(-1).tolist()
    if not all(map(math.isfinite, numbers)):
        raise ValueError(f"{name} holds a number that is not finite")
    return numbers
