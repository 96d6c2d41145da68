"""The variants of the network, and their measurement: latency, throughput, memory, load time, disk space.

Run as a module it measures one variant in a process that holds nothing else.
"""

import gc
import json
import math
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from edge_router.engines import EngineSettings
from edge_router.engines.onnx import OnnxEngine, open_session
from edge_router.engines.torchscript import TorchscriptEngine
from edge_router.stopwatch import memory, timed
from edge_router.tensors import Array

LENGTHS = (16, 32, 64, 128, 512)
PADDED = 512
SHORT = 32
"""Length in tokens of the prompts for memory and throughput; most prompts are not longer."""
BATCH, BATCH_CALLS = 8, 3
"""Rows of a run and number of runs for the throughput of batches."""
SECONDS, LEAST_CALLS, MOST_CALLS = 2.0, 7, 200
"""Seconds for each length, and limits of the number of calls in them."""
FIRST_WORD = 4
"""The first token id after the special tokens."""

Call: TypeAlias = Callable[[Array], object]
"""Runs the network: ids INT64 [rows, tokens] -> logits of every policy."""


@dataclass(frozen=True)
class Variant:
    """A way to run the network; `folder` holds its format."""

    title: str
    folder: str
    open: Callable[[Path], Call]


@dataclass(frozen=True)
class Measured:
    """Figures of one variant."""

    p50_ms: Mapping[int, float]
    """Median latency by tokens."""
    load_s: float
    loaded_mb: float
    """Resident memory after loading."""
    short_mb: float
    """Resident memory after prompts of 16 and 32 tokens."""
    end_mb: float
    """Resident memory after prompts of all lengths."""
    disk_mb: float
    per_second: float
    """Prompts of 32 tokens, one at a time."""
    per_second_batched: float
    """Prompts of 32 tokens in batches of eight."""


def unpadded(run: Callable[[Array, Array], object]) -> Call:
    return lambda ids: run(ids, np.ones_like(ids))


def padded(run: Callable[[Array, Array], object]) -> Call:
    def call(ids: Array) -> object:
        tokens = ids.shape[1]
        padding = ((0, 0), (0, PADDED - tokens))
        return run(np.pad(ids, padding), np.pad(np.ones_like(ids), padding))

    return call


def trace(folder: Path) -> TorchscriptEngine:
    return TorchscriptEngine.load(folder, EngineSettings(network="model.pt"))


def lean(folder: Path) -> Call:
    return unpadded(OnnxEngine.load(folder, EngineSettings()).run)


def one_trace(folder: Path) -> Call:
    return padded(trace(folder).run)


def two_traces(folder: Path) -> Call:
    """One model for each policy, as in NVIDIA's blueprint."""
    calls = [padded(trace(folder).run), padded(trace(folder).run)]
    return lambda ids: [call(ids) for call in calls]


def products_alone(folder: Path) -> Call:
    """Only the matrix products of the linear layers: the lower bound of the time."""
    session = open_session(folder / "model.onnx", EngineSettings())
    chance = np.random.default_rng(0)

    def call(ids: Array) -> object:
        return session.run(None, inputs.setdefault(ids.size, _random_inputs(session, chance, ids.size)))

    inputs: dict[int, dict[str, Array]] = {}
    return call


def _random_inputs(session: Any, chance: np.random.Generator, tokens: int) -> dict[str, Array]:
    return {
        node.name: chance.integers(0, 256, (tokens, node.shape[1]), dtype=np.uint8) for node in session.get_inputs()
    }


REFERENCE, SERVED, BLUEPRINT, FLOOR = "torchscript-512", "int8", "torchscript-512-twice", "products"
VARIANTS: Mapping[str, Variant] = {
    REFERENCE: Variant("TorchScript, padded to 512", "trace", one_trace),
    "torchscript": Variant("TorchScript, not padded", "trace", lambda folder: unpadded(trace(folder).run)),
    "plain": Variant("ONNX as torch exports it", "plain", lean),
    "plain-int8": Variant("its dynamic int8", "plain-int8", lean),
    "fp32": Variant("lean graph, fp32", "fp32", lean),
    SERVED: Variant("lean graph, int8", "int8", lean),
    BLUEPRINT: Variant("two models, TorchScript, padded to 512", "trace", two_traces),
    FLOOR: Variant("int8 products alone", "products", products_alone),
}


def measure(folder: Path, variant: Variant, words: int) -> Measured:
    """Measures one variant. `folder`: holds all formats; `words`: size of the vocabulary."""
    chance = np.random.default_rng(0)
    started = time.perf_counter()
    call = variant.open(folder / variant.folder)
    load, loaded = time.perf_counter() - started, memory()
    times: dict[int, Array] = {}
    short = loaded
    for tokens in LENGTHS:
        ids = chance.integers(FIRST_WORD, words, (1, tokens), dtype=np.int64)
        times[tokens] = _times(call, ids)
        if tokens == SHORT:
            gc.collect()
            short = memory()
    end = memory()
    batch = timed(lambda: call(chance.integers(FIRST_WORD, words, (BATCH, SHORT), dtype=np.int64)), BATCH_CALLS)
    disk = sum(file.stat().st_size for file in (folder / variant.folder).iterdir())
    return Measured(
        {tokens: round(float(np.median(found)) * 1000, 2) for tokens, found in times.items()},
        round(load, 2),
        round(loaded),
        round(short),
        round(end),
        round(disk / 1e6),
        round(1 / float(np.median(times[SHORT]))),
        round(BATCH / float(np.median(batch))),
    )


def _times(call: Call, ids: Array) -> Array:
    once = float(timed(lambda: call(ids), 1)[0])
    return timed(lambda: call(ids), min(max(LEAST_CALLS, math.ceil(SECONDS / once)), MOST_CALLS))


if __name__ == "__main__":
    name, folder, words = sys.argv[1:]
    print(json.dumps(asdict(measure(Path(folder), VARIANTS[name], int(words)))))  # noqa: T201
