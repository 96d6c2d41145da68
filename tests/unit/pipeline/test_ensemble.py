"""Ensemble: the order of its steps, steps that do not connect, failing requests, concurrent steps."""

import threading
from collections.abc import Mapping, Sequence

import numpy as np
import pytest
from google.protobuf import text_format

from edge_router.errors import RepositoryError, RequestError
from edge_router.pipeline.ensemble import Ensemble, LoadedStep, schedule
from edge_router.pipeline.signature import Signature
from edge_router.repository.schema import ModelConfig
from edge_router.stages import StageResult
from edge_router.tensors import Tensors


class Add:
    """A stage that returns `y` = `x` + a number and refuses 99."""

    def __init__(self, number: int) -> None:
        self._number = number

    def run(self, requests: Sequence[Tensors]) -> list[StageResult]:
        return [
            RequestError("99 is refused") if (request["x"] == 99).any() else {"y": request["x"] + self._number}
            for request in requests
        ]


ADD = 'input { name: "x" data_type: TYPE_INT64 dims: [ 1 ] } output { name: "y" data_type: TYPE_INT64 dims: [ 1 ] }'
WORDS = 'input { name: "x" data_type: TYPE_STRING dims: [ 1 ] } output { name: "y" data_type: TYPE_INT64 dims: [ 1 ] }'
ENDS = 'input { name: "IN" data_type: TYPE_INT64 dims: [ 1 ] } output { name: "OUT" data_type: TYPE_INT64 dims: [ 1 ] }'


def parsed(text: str) -> ModelConfig:
    return text_format.Parse(f"max_batch_size: 8 {text}", ModelConfig())


def step(model: str, source: str, target: str, inner: tuple[str, str] = ("x", "y")) -> str:
    return (
        f'step {{ model_name: "{model}" model_version: 1 input_map {{ key: "{inner[0]}" value: "{source}" }}'
        f' output_map {{ key: "{inner[1]}" value: "{target}" }} }}'
    )


def order_of(*steps: str, composing: Mapping[str, str]) -> list[list[int]]:
    config = parsed(f"{ENDS} ensemble_scheduling {{ {' '.join(steps)} }}")
    return schedule("e", config, {name: Signature.of(name, parsed(text)) for name, text in composing.items()})


def rows(*values: int) -> Tensors:
    return {"IN": np.array([[value] for value in values], dtype=np.int64)}


def test_steps_run_in_the_order_of_their_tensors_not_in_the_order_of_the_file() -> None:
    assert order_of(step("b", "between", "OUT"), step("a", "IN", "between"), composing={"a": ADD, "b": ADD}) == [
        [1],
        [0],
    ]


@pytest.mark.parametrize(
    ("steps", "composing", "message"),
    [
        ([step("a", "nowhere", "OUT")], {"a": ADD}, "no step makes the input of a"),
        ([step("a", "IN", "OUT"), step("b", "IN", "OUT")], {"a": ADD, "b": ADD}, "OUT is made twice"),
        ([step("a", "IN", "OUT", ("z", "y"))], {"a": ADD}, "input_map names z; the model takes x"),
        ([step("a", "IN", "OUT", ("x", "z"))], {"a": ADD}, "output_map names z; the model gives y"),
        ([step("a", "IN", "OUT")], {"a": WORDS}, "IN is .*INT64.*, but x takes BYTES"),
        ([step("a", "IN", "other")], {"a": ADD}, "output OUT"),
    ],
    ids=["unmade", "twice", "input", "output", "type", "result"],
)
def test_steps_that_do_not_connect_are_refused(steps: list[str], composing: dict[str, str], message: str) -> None:
    with pytest.raises(RepositoryError, match=message):
        order_of(*steps, composing=composing)


def test_a_request_that_fails_in_a_step_skips_the_rest_and_no_other_fails() -> None:
    config = parsed(f"{ENDS} ensemble_scheduling {{ {step('a', 'IN', 'm')} {step('b', 'm', 'OUT')} }}")
    chain = Ensemble(
        Signature.of("e", config),
        [[LoadedStep("a", Add(1), {"x": "IN"}, {"y": "m"})], [LoadedStep("b", Add(1), {"x": "m"}, {"y": "OUT"})]],
    )
    first, refused_early, refused_late, last = chain.run([rows(1, 2), rows(99), rows(98), rows(3)])
    assert not isinstance(first, RequestError)
    assert not isinstance(last, RequestError)
    assert (first["OUT"].tolist(), last["OUT"].tolist()) == ([[3], [4]], [[5]])
    assert set(first) == {"OUT"}
    assert isinstance(refused_early, RequestError)
    assert isinstance(refused_late, RequestError)


class BarrierStage:
    """A stage that ends only when all stages with the same barrier have begun."""

    def __init__(self, barrier: threading.Barrier) -> None:
        self._barrier = barrier

    def run(self, requests: Sequence[Tensors]) -> list[StageResult]:
        self._barrier.wait(timeout=10)
        return [{"y": request["x"]} for request in requests]


def test_independent_steps_run_concurrently_also_in_nested_ensembles() -> None:
    barrier = threading.Barrier(4)
    ends = (
        'input { name: "IN" data_type: TYPE_INT64 dims: [ 1 ] } output { name: "b" data_type: TYPE_INT64 dims: [ 1 ] }'
    )
    signature = Signature.of("e", parsed(ends))
    pair = [LoadedStep(name, BarrierStage(barrier), {"x": "IN"}, {"y": name}) for name in "ab"]
    inner = Ensemble(signature, [pair])
    outer = Ensemble(signature, [[LoadedStep(name, inner, {"IN": "IN"}, {"b": name}) for name in "ab"]])
    [answer] = outer.run([rows(7)])
    assert not isinstance(answer, RequestError)
    assert answer["b"].tolist() == [[7]]
