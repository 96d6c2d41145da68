"""The flow of an import, top to bottom: checkpoint, text, network, decisions, report, smoke test, pins.

Everything is made and measured beside the repository. What is served changes in the last step, or not at all.
"""

import json
import math
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from rich.progress import Progress

from edge_router.contract import (
    DECISION_FILE,
    LABELS_FILE,
    NETWORK_FILE,
    TASK_ROUTER,
    TEXT_FILE,
    postprocessing,
    preprocessing,
)
from edge_router.conversion import format_selection, formats, parity
from edge_router.conversion.checkpoint import Checkpoint
from edge_router.conversion.eager import export_plain
from edge_router.conversion.errors import CheckpointError
from edge_router.conversion.prompts import Prompts
from edge_router.errors import ConfigError
from edge_router.pipeline import smoke_test
from edge_router.repository import Repository, pins
from edge_router.repository.report import Report, checksums, sha256
from edge_router.repository.staging import entered, staging
from edge_router.stages.tokenize import Tokenize
from edge_router.tensors import Array

PLAIN = "plain fp32"
"""The graph of torch.onnx.export. The tried formats have graphs of their own, so there is nothing to try."""
PARITY_PROMPTS = 16
MODEL_FILE = "model.py"


@dataclass(frozen=True, kw_only=True)
class Wish:
    """`version` None = the next one. `also`: formats written beside the chosen one, under names of their own."""

    policies: Sequence[str]
    thresholds: format_selection.Thresholds
    version: int | None = None
    plain: bool = False
    also: Sequence[str] = ()
    dry_run: bool = False


@dataclass(frozen=True)
class Imported:
    """What was made, or would have been. `files`: bytes by path in the repository; `moved`: configurations whose pins
    moved."""

    version: int
    report: Report
    files: Mapping[str, int]
    moved: Sequence[str]


def run(
    checkpoint: Checkpoint,
    source: Mapping[str, str],
    prompts: Prompts,
    repository: Repository,
    layers: Sequence[Path],
    wish: Wish,
    progress: Progress,
) -> Imported:
    """Raises CheckpointError, RepositoryError, ConfigError; then nothing has changed."""
    version = _version(repository, wish.version)
    for policy in wish.policies:
        if policy not in checkpoint.rules:
            raise CheckpointError(
                f"{checkpoint.folder}: none of its heads decides for {policy}; leave it out (--policy)"
            )
    wanted = {**pins.read(repository), **dict.fromkeys(wish.policies, version)}
    models = list(dict.fromkeys(model for policy in wish.policies for model in pins.members(policy)))
    moved = list(dict.fromkeys(str(file) for file, _ in pins.changes(repository, layers, wanted)))
    with staging(repository) as staged:
        for model in models:
            folder = staged / model / str(version)
            folder.mkdir()
            shutil.copyfile(
                repository.version_folder(model, repository.version(model)) / MODEL_FILE, folder / MODEL_FILE
            )
        report = _made(checkpoint, source, staged, version, prompts, wish, progress)
        smoke_test(pins.moved(Repository(staged), wanted))
        files = {name: (staged / name).stat().st_size for name in report.files}
        if not wish.dry_run:
            with entered(repository, staged, models, version):
                pins.move(repository, layers, wanted)
    return Imported(version, report, files, moved)


def _made(
    checkpoint: Checkpoint,
    source: Mapping[str, str],
    staged: Path,
    version: int,
    prompts: Prompts,
    wish: Wish,
    progress: Progress,
) -> Report:
    """Everything of the version, written into its folders in `staged`."""
    tokenize = _text(checkpoint, staged / preprocessing(TASK_ROUTER) / str(version))
    network = staged / TASK_ROUTER / str(version)
    figures = list(_network(checkpoint, network, tokenize, prompts, wish, progress))
    for policy in wish.policies:
        _decisions(checkpoint.rules[policy], staged / postprocessing(policy) / str(version))
    report = Report(
        format=figures[-1]["format"],
        figures=figures,
        files=checksums(staged, version),
        source={**source, **_digests(checkpoint)},
    )
    report.write(staged, version)
    return report


def _version(repository: Repository, wanted: int | None) -> int:
    found = pins.versions(repository)
    if wanted in found:
        raise ConfigError(f"{repository.path}: version {wanted} is there already; take another one (--version)")
    return wanted or max(found, default=0) + 1


def _text(checkpoint: Checkpoint, folder: Path) -> Tokenize:
    shutil.copyfile(checkpoint.tokenizer, folder / checkpoint.tokenizer.name)
    (folder / TEXT_FILE).write_text(json.dumps({"max_tokens": checkpoint.max_tokens}) + "\n")
    return Tokenize.load(folder, {})


def _network(
    checkpoint: Checkpoint, folder: Path, tokenize: Tokenize, prompts: Prompts, wish: Wish, progress: Progress
) -> Iterator[dict[str, Any]]:
    """Writes the network into `folder`; yields the figures of every format tried, the chosen one last."""
    measured, calibration = (
        [_ids(tokenize, each) for each in part] for part in (prompts.measured, prompts.calibration)
    )
    for name in wish.also:
        formats.write(formats.FORMATS[name], checkpoint, folder)
    if wish.plain:
        export_plain(checkpoint, folder / NETWORK_FILE)
        yield {"format": PLAIN, "parity": parity.check(checkpoint, folder, measured[:PARITY_PROMPTS])}
        return
    with tempfile.TemporaryDirectory(dir=folder) as scratch:
        formats.write(formats.FP32, checkpoint, Path(scratch))
        parity.check(checkpoint, Path(scratch), measured[:PARITY_PROMPTS])
    choice = format_selection.choose(checkpoint, measured, calibration, folder, wish.thresholds, progress)
    for tried in choice.tried:
        yield {**asdict(tried), "delta": tried.delta if math.isfinite(tried.delta) else None, "prompts": len(measured)}


def _ids(tokenize: Tokenize, prompt: str) -> Array:
    return np.array(tokenize.ids(prompt), dtype=np.int64)


def _decisions(rules: Mapping[str, Any], folder: Path) -> None:
    (folder / DECISION_FILE).write_text(json.dumps(rules, indent=1) + "\n")
    (folder / LABELS_FILE).write_text("".join(f"{item['label']}\n" for item in rules["classes"]))


def _digests(checkpoint: Checkpoint) -> dict[str, str]:
    """SHA-256 of the weights, by file."""
    return {file.name: sha256(file) for file in sorted(checkpoint.folder.glob("*.safetensors"))}
