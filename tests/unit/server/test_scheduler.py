"""Scheduler: batches, refusals, cancelled and late requests, and the thread of a run."""

import asyncio
import threading
from collections.abc import Sequence

import numpy as np
import pytest

from edge_router.errors import RequestError
from edge_router.pipeline import ServedModel
from edge_router.pipeline.signature import Signature, TensorType
from edge_router.repository.schema import ModelConfig
from edge_router.server.errors import DeadlineExceededError, ModelFailedError, QueueFullError
from edge_router.server.scheduler import Scheduler
from edge_router.server.statistics import Statistics
from edge_router.stages import StageResult
from edge_router.tensors import Tensors

TIMEOUT_SECONDS = 30


class GatedStage:
    """A stage that waits until `go` is set and returns `x`. It refuses 99, fails on 98 and records its runs."""

    def __init__(self) -> None:
        self.go = threading.Event()
        self.began = threading.Event()
        self.runs: list[list[int]] = []
        self.threads: list[str] = []

    def run(self, requests: Sequence[Tensors]) -> list[StageResult]:
        self.runs.append([int(value) for request in requests for value in request["x"][:, 0]])
        self.threads.append(threading.current_thread().name)
        self.began.set()
        assert self.go.wait(TIMEOUT_SECONDS)
        if 98 in self.runs[-1]:
            raise KeyError("the prompt of a user")
        return [RequestError("99 is refused") if 99 in request["x"] else {"x": request["x"]} for request in requests]


def served(stage: GatedStage, model: str = "m") -> ServedModel:
    number = {"x": TensorType("INT64", (1,))}
    return ServedModel(model, 1, ModelConfig(), Signature(model, 4, number, number), {}, stage)


def rows(*values: int) -> Tensors:
    return {"x": np.array([[value] for value in values], dtype=np.int64)}


async def test_queued_requests_of_a_model_run_as_one_batch_up_to_its_size() -> None:
    scheduler, stage, other = Scheduler(Statistics(), 100), GatedStage(), GatedStage()
    other.go.set()
    model, another = served(stage), served(other, "other")
    first = asyncio.create_task(scheduler.run(model, rows(1), TIMEOUT_SECONDS))
    await asyncio.to_thread(stage.began.wait, TIMEOUT_SECONDS)
    queued = [(model, rows(2)), (another, rows(3)), (model, rows(4, 5)), (model, rows(6)), (model, rows(7))]
    asked = [asyncio.create_task(scheduler.run(each, request, TIMEOUT_SECONDS)) for each, request in queued]
    await asyncio.sleep(0)
    stage.go.set()
    await asyncio.gather(first, *asked)
    assert stage.runs == [[1], [2, 4, 5, 6], [7]]
    assert other.runs == [[3]]
    assert [task.result()["x"][:, 0].tolist() for task in asked] == [[2], [3], [4, 5], [6], [7]]


async def test_a_wrong_request_fails_and_no_other() -> None:
    scheduler, stage = Scheduler(Statistics(), 100), GatedStage()
    wrong: Tensors = {"x": np.array(1)}
    requests: list[Tensors] = [rows(1), rows(99), wrong, {}, rows(2)]
    asked = [asyncio.create_task(scheduler.run(served(stage), request, TIMEOUT_SECONDS)) for request in requests]
    stage.go.set()
    await asyncio.gather(*asked, return_exceptions=True)
    assert [type(task.exception()).__name__ for task in asked] == ["NoneType", *["RequestError"] * 3, "NoneType"]


async def test_a_failure_is_logged_without_the_request(capsys: pytest.CaptureFixture[str]) -> None:
    scheduler, stage = Scheduler(Statistics(), 100), GatedStage()
    stage.go.set()
    with pytest.raises(ModelFailedError, match=r"^m failed on this request"):
        await scheduler.run(served(stage), rows(98), TIMEOUT_SECONDS)
    logged = capsys.readouterr().out
    assert "KeyError" in logged
    assert "the prompt" not in logged
    assert (await scheduler.run(served(stage), rows(1), TIMEOUT_SECONDS))["x"] == 1


async def test_a_request_beyond_the_queues_limit_is_refused_at_once() -> None:
    scheduler, stage = Scheduler(Statistics(), 2), GatedStage()
    asked = [asyncio.create_task(scheduler.run(served(stage), rows(at), TIMEOUT_SECONDS)) for at in range(2)]
    await asyncio.to_thread(stage.began.wait, TIMEOUT_SECONDS)
    with pytest.raises(QueueFullError):
        await scheduler.run(served(stage), rows(3), TIMEOUT_SECONDS)
    stage.go.set()
    await asyncio.gather(*asked)
    assert (await scheduler.run(served(stage), rows(4), TIMEOUT_SECONDS))["x"] == 4
    assert scheduler.pending == 0


async def test_a_cancelled_or_late_request_is_never_run() -> None:
    scheduler, stage = Scheduler(Statistics(), 100), GatedStage()
    first = asyncio.create_task(scheduler.run(served(stage), rows(1), TIMEOUT_SECONDS))
    await asyncio.to_thread(stage.began.wait, TIMEOUT_SECONDS)
    leaving = asyncio.create_task(scheduler.run(served(stage), rows(2), TIMEOUT_SECONDS))
    await asyncio.sleep(0)
    leaving.cancel()
    with pytest.raises(DeadlineExceededError):
        await scheduler.run(served(stage), rows(3), 0.01)
    stage.go.set()
    await first
    await scheduler.run(served(stage), rows(4), TIMEOUT_SECONDS)
    assert stage.runs == [[1], [4]]


async def test_a_quick_run_without_other_requests_is_done_on_the_loops_thread() -> None:
    scheduler, stage, here = Scheduler(Statistics(), 100), GatedStage(), threading.current_thread().name
    stage.go.set()
    for request in (rows(1), rows(2), rows(3, 4)):
        await scheduler.run(served(stage), request, TIMEOUT_SECONDS)
    assert stage.threads == ["models", here, "models"]


async def test_concurrent_requests_run_on_the_worker_thread() -> None:
    scheduler, stage = Scheduler(Statistics(), 100), GatedStage()
    stage.go.set()
    await scheduler.run(served(stage), rows(1), TIMEOUT_SECONDS)
    await asyncio.gather(*(scheduler.run(served(stage), rows(at, at), TIMEOUT_SECONDS) for at in (2, 3)))
    assert stage.threads == ["models"] * len(stage.threads)


async def test_after_a_slow_run_the_next_one_is_done_on_the_worker_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edge_router.server.scheduler.QUICK_SECONDS", 0)
    scheduler, stage = Scheduler(Statistics(), 100), GatedStage()
    stage.go.set()
    for request in (rows(1), rows(2)):
        await scheduler.run(served(stage), request, TIMEOUT_SECONDS)
    assert stage.threads == ["models", "models"]
