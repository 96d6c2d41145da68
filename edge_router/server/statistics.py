"""How often and how long each version of a model ran, in the terms of Triton's statistics extension.

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
from edge_router.stages import Answer, Stage
from edge_router.tensors import Tensors


@dataclass
class Duration:
    count: int = 0
    ns: int = 0

    def add(self, count: int, ns: int) -> None:
        self.count += count
        self.ns += ns

    def as_json(self) -> dict[str, int]:
        return {"count": self.count, "ns": self.ns}


@dataclass
class Tally:
    """Of one version of a model. `inferences` counts rows, `executions` runs of however many rows."""

    inferences: int = 0
    executions: int = 0
    last_ms: int = 0
    success: Duration = field(default_factory=Duration)
    fail: Duration = field(default_factory=Duration)
    queue: Duration = field(default_factory=Duration)
    compute: Duration = field(default_factory=Duration)
    batches: defaultdict[int, Duration] = field(default_factory=lambda: defaultdict(Duration))

    def as_json(self) -> dict[str, Any]:
        nothing = Duration().as_json()
        inside = {**self.success.as_json(), "ns": 0}  # decoding and encoding are part of no model
        return {
            "last_inference": self.last_ms,
            "inference_count": self.inferences,
            "execution_count": self.executions,
            "inference_stats": {
                "success": self.success.as_json(),
                "fail": self.fail.as_json(),
                "queue": self.queue.as_json(),
                "compute_input": inside,
                "compute_infer": self.compute.as_json(),
                "compute_output": inside,
                "cache_hit": nothing,
                "cache_miss": nothing,
            },
            "response_stats": {},
            "batch_stats": [
                {
                    "batch_size": rows,
                    "compute_input": {**spent.as_json(), "ns": 0},
                    "compute_infer": spent.as_json(),
                    "compute_output": {**spent.as_json(), "ns": 0},
                }
                for rows, spent in sorted(self.batches.items())
            ],
            "memory_usage": [],
        }


class Statistics:
    """Tallies outlive a reload: a version that is loaded again goes on counting."""

    def __init__(self) -> None:
        self._tallies: defaultdict[tuple[str, int], Tally] = defaultdict(Tally)
        self._lock = threading.Lock()

    def watch(self, signature: Signature, version: int, stage: Stage) -> Stage:
        """`stage`, counted and timed."""
        return _Watched(signature, stage, self.of(signature.model, version), self._lock)

    def of(self, model: str, version: int) -> Tally:
        return self._tallies[model, version]

    def waited(self, model: str, version: int, ns: int) -> None:
        """A request of the model stood in the queue."""
        with self._lock:
            self.of(model, version).queue.add(1, ns)


class _Watched:
    def __init__(self, signature: Signature, stage: Stage, tally: Tally, lock: threading.Lock) -> None:
        self._signature = signature
        self._stage = stage
        self._tally = tally
        self._lock = lock

    def run(self, requests: Sequence[Tensors]) -> list[Answer]:
        started = time.perf_counter_ns()
        answers = self._stage.run(requests)
        spent = time.perf_counter_ns() - started
        with self._lock:
            self._count(requests, answers, spent)
        return answers

    def _count(self, requests: Sequence[Tensors], answers: Sequence[Answer], spent: int) -> None:
        tally = self._tally
        answered = [
            self._signature.rows(request)
            for request, answer in zip(requests, answers, strict=True)
            if not isinstance(answer, RequestError)
        ]
        if failed := len(answers) - len(answered):
            tally.fail.add(failed, failed * spent)
        if answered:
            tally.inferences += sum(answered)
            tally.executions += 1
            tally.last_ms = time.time_ns() // 1_000_000
            tally.success.add(len(answered), len(answered) * spent)
            tally.compute.add(len(answered), len(answered) * spent)
            tally.batches[sum(answered)].add(1, spent)
