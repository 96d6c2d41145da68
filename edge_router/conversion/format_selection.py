"""Selects the smallest number format whose decisions agree with fp32, measured on prompts."""

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from rich.progress import Progress

from edge_router.contract import LOGITS, SCORE
from edge_router.conversion.calibration import peaks
from edge_router.conversion.checkpoint import Checkpoint
from edge_router.conversion.formats import CANDIDATES, FP32, Format, write
from edge_router.engines import EngineSettings
from edge_router.engines.onnx import OnnxEngine
from edge_router.stages.decide import CONFIDENCE, Decide, DecisionRules
from edge_router.tensors import Array


@dataclass(frozen=True)
class Thresholds:
    """The figures that a format must reach to pass."""

    agreement: float = 0.995
    """Least share of prompts on which a head has the same best logit as in fp32, for every head."""
    delta: float = 0.02
    """Largest difference of a score from fp32 on 99 % of the prompts, for every policy with a score of its own."""


@dataclass(frozen=True)
class Figures:
    """Agreement of one number format with the fp32 network."""

    format: str
    bytes: int
    """Size on disk."""
    agreement: Mapping[str, float]
    """Share of prompts with the same best logit, by head; 1 for a head with one logit."""
    delta: float
    """99th percentile of the difference of a score, the largest of all policies; 0 if none has a score of its own."""
    passes: bool


@dataclass(frozen=True)
class Choice:
    """The result of a selection."""

    tried: Sequence[Figures]
    """The tried formats in order; the last one is chosen and written."""

    @property
    def format(self) -> str:
        return self.tried[-1].format


def choose(
    checkpoint: Checkpoint,
    prompts: Sequence[Array],
    calibration: Sequence[Array],
    folder: Path,
    thresholds: Thresholds,
    progress: Progress,
) -> Choice:
    """Writes the first format that meets `thresholds` on `prompts` into `folder`.

    `prompts`, `calibration`: INT64 [tokens] each, with special tokens; smoothing uses `calibration` only. fp32 is last
    and always passes, because it is the reference.
    """
    tried: list[Figures] = []
    with tempfile.TemporaryDirectory(dir=folder) as scratch:
        write(FP32, checkpoint, Path(scratch))
        reference = run(Path(scratch), prompts, f"measuring {FP32.name}", progress)
        peak = peaks(checkpoint, calibration, Path(scratch), progress)
        for candidate in CANDIDATES:
            write(candidate, checkpoint, folder, peak)
            title = f"measuring {candidate.name}"
            logits = reference if candidate is FP32 else run(folder, prompts, title, progress)
            tried.append(compare(candidate, folder, checkpoint, reference, logits, thresholds))
            if tried[-1].passes:
                break
    return Choice(tried)


def run(folder: Path, prompts: Sequence[Array], title: str, progress: Progress) -> Array:
    """The logits FP32 [prompts, logits] of the network in `folder`; runs one prompt (INT64 [tokens]) at a time, as when
    it is served."""
    engine = OnnxEngine.load(folder, EngineSettings())
    rows = []
    for ids in progress.track(prompts, description=title):
        row = ids[np.newaxis]
        rows.append(engine.run(row, np.ones_like(row))[0])
    return np.stack(rows)


def compare(
    candidate: Format, folder: Path, checkpoint: Checkpoint, reference: Array, logits: Array, thresholds: Thresholds
) -> Figures:
    """Compares a format's logits FP32 [prompts, logits] with the reference. Logits that are not finite never pass."""
    agreement, end = {}, 0
    for head in checkpoint.heads:
        part = slice(end, end := end + head.size)
        agreement[head.name] = float(np.mean(reference[:, part].argmax(axis=1) == logits[:, part].argmax(axis=1)))
    delta = _delta(checkpoint, reference, logits) if np.isfinite(logits).all() else np.inf
    passes = min(agreement.values()) >= thresholds.agreement and delta <= thresholds.delta
    size = sum(file.stat().st_size for file in folder.glob(f"{candidate.file}*"))
    return Figures(candidate.name, size, agreement, delta, passes)


def _delta(checkpoint: Checkpoint, reference: Array, logits: Array) -> float:
    """The largest score difference of the policies that have a score of their own."""
    scored = [rules for rules in checkpoint.rules.values() if rules["score"] != CONFIDENCE]
    return max((_score_delta(Decide(DecisionRules.of(rules)), reference, logits) for rules in scored), default=0.0)


def _score_delta(decide: Decide, reference: Array, logits: Array) -> float:
    results = decide.run([{LOGITS: reference}, {LOGITS: logits}])
    scores = [result[SCORE] for result in results if not isinstance(result, Exception)]
    return float(np.percentile(np.abs(scores[0] - scores[1]), 99))
