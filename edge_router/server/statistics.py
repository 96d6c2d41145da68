"""Counts and durations of each model version's runs, as in Triton's statistics extension.

https://github.com/triton-inference-server/server/blob/main/docs/protocol/extension_statistics.md
"""

import threading
import time
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from edge_router.errors import RequestError
from edge_router.pipeline.signature import Signature
from edge_router.stages import Stage, StageResult
from edge_router.tensors import Tensors


@dataclass
class Duration:
    """A count of events and their total time."""

    count: int = 0
    ns: int = 0

    def add(self, count: int, ns: int) -> None:
        self.count += count
        self.ns += ns

    def as_json(self) -> dict[str, int]:
        return {"count": self.count, "ns": self.ns}


@dataclass
class ModelStatistics:
    """Statistics of one version of a model. `inferences` counts rows, `executions` counts runs of a batch."""

    inferences: int = 0
    executions: int = 0
    last_ms: int = 0
    success: Duration = field(default_factory=Duration)
    fail: Duration = field(default_factory=Duration)
    queue: Duration = field(default_factory=Duration)
    compute: Duration = field(default_factory=Duration)
    batches: defaultdict[int, Duration] = field(default_factory=lambda: defaultdict(Duration))

    def as_json(self) -> dict[str, Any]:
        zero = Duration().as_json()
        untimed = {**self.success.as_json(), "ns": 0}  # decoding and encoding happen outside of the model
        return {
            "last_inference": self.last_ms,
            "inference_count": self.inferences,
            "execution_count": self.executions,
            "inference_stats": {
                "success": self.success.as_json(),
                "fail": self.fail.as_json(),
                "queue": self.queue.as_json(),
                "compute_input": untimed,
                "compute_infer": self.compute.as_json(),
                "compute_output": untimed,
                "cache_hit": zero,
                "cache_miss": zero,
            },
            "response_stats": {},
            "batch_stats": [
                {
                    "batch_size": rows,
                    "compute_input": {**duration.as_json(), "ns": 0},
                    "compute_infer": duration.as_json(),
                    "compute_output": {**duration.as_json(), "ns": 0},
                }
                for rows, duration in sorted(self.batches.items())
            ],
            "memory_usage": [],
        }


class Statistics:
    """Statistics of every model version. They survive a reload: a version that is loaded again goes on counting."""

    def __init__(self) -> None:
        self._models: defaultdict[tuple[str, int], ModelStatistics] = defaultdict(ModelStatistics)
        self._lock = threading.Lock()

    def measured(self, signature: Signature, version: int, stage: Stage) -> Stage:
        """`stage`, with its runs counted and timed."""
        return _MeasuredStage(signature, stage, self.of(signature.model, version), self._lock)

    def of(self, model: str, version: int) -> ModelStatistics:
        return self._models[model, version]

    def add_wait(self, model: str, version: int, ns: int) -> None:
        """Adds the time that a request waited in the queue."""
        with self._lock:
            self.of(model, version).queue.add(1, ns)


class _MeasuredStage:
    def __init__(self, signature: Signature, stage: Stage, statistics: ModelStatistics, lock: threading.Lock) -> None:
        self._signature = signature
        self._stage = stage
        self._statistics = statistics
        self._lock = lock

    def run(self, requests: Sequence[Tensors]) -> list[StageResult]:
        started = time.perf_counter_ns()
        results = self._stage.run(requests)
        spent = time.perf_counter_ns() - started
        with self._lock:
            self._count(requests, results, spent)
        return results

    def _count(self, requests: Sequence[Tensors], results: Sequence[StageResult], spent: int) -> None:
        statistics = self._statistics
        rows = [
            self._signature.rows(request)
            for request, result in zip(requests, results, strict=True)
            if not isinstance(result, RequestError)
        ]
        if failed := len(results) - len(rows):
            statistics.fail.add(failed, failed * spent)
        if rows:
            statistics.inferences += sum(rows)
            statistics.executions += 1
            statistics.last_ms = time.time_ns() // 1_000_000
            statistics.success.add(len(rows), len(rows) * spent)
            statistics.compute.add(len(rows), len(rows) * spent)
            statistics.batches[sum(rows)].add(1, spent)
