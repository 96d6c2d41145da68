"""The flow of an import, top to bottom: checkpoint, text, network, decisions, report, smoke test, pins.

Everything is made and measured beside the repository. What is served changes in the last step, or not at all.
"""

import json
import math
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from rich.progress import Progress

from edge_router.contract import DECISION_FILE, LABELS_FILE, NETWORK_FILE, TEXT_FILE
from edge_router.conversion import format_selection, formats, parity
from edge_router.conversion.checkpoint import Checkpoint
from edge_router.conversion.eager import export_plain
from edge_router.conversion.errors import CheckpointError
from edge_router.conversion.prompts import Prompts
from edge_router.errors import ConfigError
from edge_router.pipeline import smoke_test
from edge_router.repository import Repository, pins
from edge_router.repository.policies import Policy, policies
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
    """`policies` None = those of the repository that the checkpoint decides for. `version` None = the next one. `also`:
    formats written beside the chosen one, under names of their own."""

    policies: Sequence[str] | None
    thresholds: format_selection.Thresholds
    version: int | None = None
    plain: bool = False
    also: Sequence[str] = ()
    dry_run: bool = False


@dataclass(frozen=True)
class Imported:
    """What was made, or would have been. `policies`: those that it decides for. `files`: bytes by path in the
    repository; `moved`: configurations whose pins moved."""

    version: int
    policies: Sequence[str]
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
    chosen = _chosen(checkpoint, repository, wish)
    wanted = {**pins.read(repository), **{policy.name: version for policy in chosen}}
    models = list(dict.fromkeys(model for policy in chosen for model in policy.models))
    moved = list(dict.fromkeys(str(file) for file, _ in pins.changes(repository, layers, wanted)))
    with staging(repository) as staged:
        for model in models:
            folder = staged / model / str(version)
            folder.mkdir()
            shutil.copyfile(
                repository.version_folder(model, repository.version(model)) / MODEL_FILE, folder / MODEL_FILE
            )
        report = _made(checkpoint, source, Repository(staged), version, prompts, chosen, wish, progress)
        smoke_test(pins.moved(Repository(staged), wanted))
        files = {name: (staged / name).stat().st_size for name in report.files}
        if not wish.dry_run:
            with entered(repository, staged, models, version):
                pins.move(repository, layers, wanted)
    return Imported(version, [policy.name for policy in chosen], report, files, moved)


def _chosen(checkpoint: Checkpoint, repository: Repository, wish: Wish) -> list[Policy]:
    found = policies(repository)
    for name in wish.policies or ():
        if name not in checkpoint.rules:
            raise CheckpointError(f"{checkpoint.folder}: none of its heads decides for {name}; leave it out (--policy)")
    chosen = [found[name] for name in (found if wish.policies is None else wish.policies) if name in checkpoint.rules]
    if not chosen:
        raise CheckpointError(
            f"{checkpoint.folder}: decides for {', '.join(checkpoint.rules)}; "
            f"the policies of {repository.path} are {', '.join(found)}"
        )
    return chosen


def _made(
    checkpoint: Checkpoint,
    source: Mapping[str, str],
    staged: Repository,
    version: int,
    prompts: Prompts,
    chosen: Sequence[Policy],
    wish: Wish,
    progress: Progress,
) -> Report:
    """Everything of the version, written into its folders in `staged`."""

    def folders(models: Iterable[str]) -> list[Path]:
        return [staged.version_folder(model, version) for model in dict.fromkeys(models)]

    tokenize, *_ = [_text(checkpoint, folder) for folder in folders(policy.preprocessing for policy in chosen)]
    network, *copies = folders(policy.network for policy in chosen)
    figures = list(_network(checkpoint, network, tokenize, prompts, wish, progress))
    for copy in copies:
        shutil.copytree(network, copy, dirs_exist_ok=True)
    for policy in chosen:
        _decisions(checkpoint.rules[policy.name], staged.version_folder(policy.postprocessing, version))
    report = Report(
        format=figures[-1]["format"],
        figures=figures,
        files=checksums(staged.path, version),
        source={**source, **_digests(checkpoint)},
    )
    for folder in (network, *copies):
        report.write(folder)
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
