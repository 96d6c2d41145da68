"""One run at a time: what is taken together, refused, given up, and on which thread."""

import asyncio
import threading
from collections.abc import Sequence

import numpy as np
import pytest

from edge_router.errors import RequestError
from edge_router.pipeline import Served
from edge_router.pipeline.signature import Signature, TensorType
from edge_router.repository.schema import ModelConfig
from edge_router.server.errors import DeadlineError, ModelFailedError, QueueFullError
from edge_router.server.scheduler import Scheduler
from edge_router.server.statistics import Statistics
from edge_router.stages import Answer
from edge_router.tensors import Tensors

PATIENCE = 30


class Held:
    """Answers `x` once it is let go. 99 is refused, 98 is a failure. Records the rows of its runs."""

    def __init__(self) -> None:
        self.go = threading.Event()
        self.began = threading.Event()
        self.runs: list[list[int]] = []
        self.threads: list[str] = []

    def run(self, requests: Sequence[Tensors]) -> list[Answer]:
        self.runs.append([int(value) for request in requests for value in request["x"][:, 0]])
        self.threads.append(threading.current_thread().name)
        self.began.set()
        assert self.go.wait(PATIENCE)
        if 98 in self.runs[-1]:
            raise KeyError("the prompt of a user")
        return [RequestError("99 is refused") if 99 in request["x"] else {"x": request["x"]} for request in requests]


def served(stage: Held, model: str = "m") -> Served:
    number = {"x": TensorType("INT64", (1,))}
    return Served(model, 1, ModelConfig(), Signature(model, 4, number, number), {}, stage)


def rows(*values: int) -> Tensors:
    return {"x": np.array([[value] for value in values], dtype=np.int64)}


async def test_what_is_queued_is_taken_together_as_far_as_it_fits_by_model() -> None:
    scheduler, stage, other = Scheduler(Statistics(), 100), Held(), Held()
    other.go.set()
    model, another = served(stage), served(other, "other")
    first = asyncio.create_task(scheduler.run(model, rows(1), PATIENCE))
    await asyncio.to_thread(stage.began.wait, PATIENCE)
    queued = [(model, rows(2)), (another, rows(3)), (model, rows(4, 5)), (model, rows(6)), (model, rows(7))]
    asked = [asyncio.create_task(scheduler.run(each, request, PATIENCE)) for each, request in queued]
    await asyncio.sleep(0)
    stage.go.set()
    await asyncio.gather(first, *asked)
    assert stage.runs == [[1], [2, 4, 5, 6], [7]]
    assert other.runs == [[3]]
    assert [task.result()["x"][:, 0].tolist() for task in asked] == [[2], [3], [4, 5], [6], [7]]


async def test_a_wrong_request_takes_nobody_along() -> None:
    scheduler, stage = Scheduler(Statistics(), 100), Held()
    wrong: Tensors = {"x": np.array(1)}
    requests: list[Tensors] = [rows(1), rows(99), wrong, {}, rows(2)]
    asked = [asyncio.create_task(scheduler.run(served(stage), request, PATIENCE)) for request in requests]
    stage.go.set()
    await asyncio.gather(*asked, return_exceptions=True)
    assert [type(task.exception()).__name__ for task in asked] == ["NoneType", *["RequestError"] * 3, "NoneType"]


async def test_a_failure_is_named_without_what_was_asked(capsys: pytest.CaptureFixture[str]) -> None:
    scheduler, stage = Scheduler(Statistics(), 100), Held()
    stage.go.set()
    with pytest.raises(ModelFailedError, match=r"^m failed on this request"):
        await scheduler.run(served(stage), rows(98), PATIENCE)
    said = capsys.readouterr().out
    assert "KeyError" in said
    assert "the prompt" not in said
    assert (await scheduler.run(served(stage), rows(1), PATIENCE))["x"] == 1


async def test_one_more_than_may_wait_is_refused_at_once() -> None:
    scheduler, stage = Scheduler(Statistics(), 2), Held()
    asked = [asyncio.create_task(scheduler.run(served(stage), rows(at), PATIENCE)) for at in range(2)]
    await asyncio.to_thread(stage.began.wait, PATIENCE)
    with pytest.raises(QueueFullError):
        await scheduler.run(served(stage), rows(3), PATIENCE)
    stage.go.set()
    await asyncio.gather(*asked)
    assert (await scheduler.run(served(stage), rows(4), PATIENCE))["x"] == 4
    assert scheduler.pending == 0


async def test_who_left_or_ran_out_of_time_is_never_run() -> None:
    scheduler, stage = Scheduler(Statistics(), 100), Held()
    first = asyncio.create_task(scheduler.run(served(stage), rows(1), PATIENCE))
    await asyncio.to_thread(stage.began.wait, PATIENCE)
    leaving = asyncio.create_task(scheduler.run(served(stage), rows(2), PATIENCE))
    await asyncio.sleep(0)
    leaving.cancel()
    with pytest.raises(DeadlineError):
        await scheduler.run(served(stage), rows(3), 0.01)
    stage.go.set()
    await first
    await scheduler.run(served(stage), rows(4), PATIENCE)
    assert stage.runs == [[1], [4]]


async def test_a_quick_run_that_is_alone_spares_itself_the_way_to_the_other_thread() -> None:
    scheduler, stage, here = Scheduler(Statistics(), 100), Held(), threading.current_thread().name
    stage.go.set()
    for request in (rows(1), rows(2), rows(3, 4)):
        await scheduler.run(served(stage), request, PATIENCE)
    assert stage.threads == ["models", here, "models"]


async def test_who_comes_during_a_run_waits_on_the_other_thread() -> None:
    scheduler, stage = Scheduler(Statistics(), 100), Held()
    stage.go.set()
    await scheduler.run(served(stage), rows(1), PATIENCE)
    await asyncio.gather(*(scheduler.run(served(stage), rows(at, at), PATIENCE) for at in (2, 3)))
    assert stage.threads == ["models"] * len(stage.threads)


async def test_after_a_slow_run_the_loop_is_free_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edge_router.server.scheduler.QUICK_SECONDS", 0)
    scheduler, stage = Scheduler(Statistics(), 100), Held()
    stage.go.set()
    for request in (rows(1), rows(2)):
        await scheduler.run(served(stage), request, PATIENCE)
    assert stage.threads == ["models", "models"]
