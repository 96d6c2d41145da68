"""Which form of a network decides like the exact one, measured on prompts."""

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
    agreement: float = 0.995
    """Least share of prompts on which the best logit of a head is that of the exact network, for every head."""
    delta: float = 0.02
    """Largest difference of a score on 99 of 100 prompts, for every policy that has a score of its own."""


@dataclass(frozen=True)
class Figures:
    """Of one form against the exact network."""

    format: str
    bytes: int
    """On disk."""
    agreement: Mapping[str, float]
    """By head. A head of one logit always agrees."""
    delta: float
    """99th percentile of the difference of a score, the largest of all policies; 0 if none has a score of its own."""
    passes: bool


@dataclass(frozen=True)
class Choice:
    tried: Sequence[Figures]
    """In the order in which they were tried; the last one was chosen and written."""

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
    """The first format that stays within `thresholds` on `prompts`, written into `folder`.

    `prompts`, `calibration`: INT64 [tokens] each, special tokens included; smoothing sees the latter alone. The exact
    format comes last and always passes: the others are measured against it.
    """
    tried: list[Figures] = []
    with tempfile.TemporaryDirectory(dir=folder) as scratch:
        write(FP32, checkpoint, Path(scratch))
        exact = run(Path(scratch), prompts, f"measuring {FP32.name}", progress)
        peak = peaks(checkpoint, calibration, Path(scratch), progress)
        for form in CANDIDATES:
            write(form, checkpoint, folder, peak)
            found = exact if form is FP32 else run(folder, prompts, f"measuring {form.name}", progress)
            tried.append(compare(form, folder, checkpoint, exact, found, thresholds))
            if tried[-1].passes:
                break
    return Choice(tried)


def run(folder: Path, prompts: Sequence[Array], title: str, progress: Progress) -> Array:
    """FP32 [prompts, logits] of the network in `folder`, one prompt (INT64 [tokens]) at a time, as it is served."""
    engine = OnnxEngine.load(folder, EngineSettings())
    rows = []
    for ids in progress.track(prompts, description=title):
        row = ids[np.newaxis]
        rows.append(engine.run(row, np.ones_like(row))[0])
    return np.stack(rows)


def compare(
    form: Format, folder: Path, checkpoint: Checkpoint, exact: Array, found: Array, thresholds: Thresholds
) -> Figures:
    """`exact`, `found`: FP32 [prompts, logits]. Logits that are not finite never pass."""
    agreement, end = {}, 0
    for head in checkpoint.heads:
        part = slice(end, end := end + head.size)
        agreement[head.name] = float(np.mean(exact[:, part].argmax(axis=1) == found[:, part].argmax(axis=1)))
    delta = _delta(checkpoint, exact, found) if np.isfinite(found).all() else np.inf
    passes = min(agreement.values()) >= thresholds.agreement and delta <= thresholds.delta
    size = sum(file.stat().st_size for file in folder.glob(f"{form.file}*"))
    return Figures(form.name, size, agreement, delta, passes)


def _delta(checkpoint: Checkpoint, exact: Array, found: Array) -> float:
    """The largest over the policies that have a score of their own."""
    scored = [rules for rules in checkpoint.rules.values() if rules["score"] != CONFIDENCE]
    return max((_score_delta(Decide(DecisionRules.of(rules)), exact, found) for rules in scored), default=0.0)


def _score_delta(decide: Decide, exact: Array, found: Array) -> float:
    answers = decide.run([{LOGITS: exact}, {LOGITS: found}])
    scores = [answer[SCORE] for answer in answers if not isinstance(answer, Exception)]
    return float(np.percentile(np.abs(scores[0] - scores[1]), 99))
