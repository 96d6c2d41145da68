"""Imports a checkpoint as a version: tokenizer, network, decision rules, report, smoke test, pins.

Everything is written and measured beside the repository. The repository changes in the last step only.
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
"""The graph of torch.onnx.export, which has no other number formats to try."""
PARITY_PROMPTS = 16
MODEL_FILE = "model.py"


@dataclass(frozen=True, kw_only=True)
class ImportOptions:
    """Options of an import. `policies`: None = those of the repository that the checkpoint has heads for. `version`:
    None = the next one. `also`: formats to write besides the chosen one, in files of their own."""

    policies: Sequence[str] | None
    thresholds: format_selection.Thresholds
    version: int | None = None
    plain: bool = False
    also: Sequence[str] = ()
    dry_run: bool = False


@dataclass(frozen=True)
class ImportResult:
    """The result of an import, or of its dry run. `policies`: those that run the version. `files`: sizes in
    bytes by path in the repository; `moved`: configurations with changed pins."""

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
    options: ImportOptions,
    progress: Progress,
) -> ImportResult:
    """Imports the checkpoint. Raises CheckpointError, RepositoryError, ConfigError; then nothing has changed."""
    version = _version(repository, options.version)
    selected = _select_policies(checkpoint, repository, options)
    new_pins = {**pins.read(repository), **{policy.name: version for policy in selected}}
    models = list(dict.fromkeys(model for policy in selected for model in policy.models))
    moved = list(dict.fromkeys(str(file) for file, _ in pins.changes(repository, layers, new_pins)))
    with staging(repository) as staged:
        for model in models:
            folder = staged / model / str(version)
            folder.mkdir()
            shutil.copyfile(
                repository.version_folder(model, repository.version(model)) / MODEL_FILE, folder / MODEL_FILE
            )
        report = _write_version(checkpoint, source, Repository(staged), version, prompts, selected, options, progress)
        smoke_test(pins.preview(Repository(staged), new_pins))
        files = {name: (staged / name).stat().st_size for name in report.files}
        if not options.dry_run:
            with entered(repository, staged, models, version):
                pins.move(repository, layers, new_pins)
    return ImportResult(version, [policy.name for policy in selected], report, files, moved)


def _select_policies(checkpoint: Checkpoint, repository: Repository, options: ImportOptions) -> list[Policy]:
    known = policies(repository)
    for name in options.policies or ():
        if name not in checkpoint.rules:
            raise CheckpointError(f"{checkpoint.folder}: has no head for {name}; leave it out of --policy")
    names = known if options.policies is None else options.policies
    selected = [known[name] for name in names if name in checkpoint.rules]
    if not selected:
        raise CheckpointError(
            f"{checkpoint.folder}: has heads for {', '.join(checkpoint.rules)}; "
            f"the policies of {repository.path} are {', '.join(known)}"
        )
    return selected


def _write_version(
    checkpoint: Checkpoint,
    source: Mapping[str, str],
    staged: Repository,
    version: int,
    prompts: Prompts,
    selected: Sequence[Policy],
    options: ImportOptions,
    progress: Progress,
) -> Report:
    """Writes all files of the version into its folders in `staged`."""

    def folders(models: Iterable[str]) -> list[Path]:
        return [staged.version_folder(model, version) for model in dict.fromkeys(models)]

    preprocessing_folders = folders(policy.preprocessing for policy in selected)
    tokenize, *_ = [_write_tokenizer(checkpoint, folder) for folder in preprocessing_folders]
    network, *copies = folders(policy.network for policy in selected)
    figures = list(_write_network(checkpoint, network, tokenize, prompts, options, progress))
    for copy in copies:
        shutil.copytree(network, copy, dirs_exist_ok=True)
    for policy in selected:
        _write_decision(checkpoint.rules[policy.name], staged.version_folder(policy.postprocessing, version))
    report = Report(
        format=figures[-1]["format"],
        figures=figures,
        files=checksums(staged.path, version),
        source={**source, **_digests(checkpoint)},
    )
    for folder in (network, *copies):
        report.write(folder)
    return report


def _version(repository: Repository, requested: int | None) -> int:
    existing = pins.versions(repository)
    if requested in existing:
        raise ConfigError(f"{repository.path}: version {requested} already exists; choose another --version")
    return requested or max(existing, default=0) + 1


def _write_tokenizer(checkpoint: Checkpoint, folder: Path) -> Tokenize:
    shutil.copyfile(checkpoint.tokenizer, folder / checkpoint.tokenizer.name)
    (folder / TEXT_FILE).write_text(json.dumps({"max_tokens": checkpoint.max_tokens}) + "\n")
    return Tokenize.load(folder, {})


def _write_network(
    checkpoint: Checkpoint,
    folder: Path,
    tokenize: Tokenize,
    prompts: Prompts,
    options: ImportOptions,
    progress: Progress,
) -> Iterator[dict[str, Any]]:
    """Writes the network into `folder`; yields the figures of each tried format, the chosen one last."""
    measured, calibration = (
        [_ids(tokenize, each) for each in part] for part in (prompts.measured, prompts.calibration)
    )
    for name in options.also:
        formats.write(formats.FORMATS[name], checkpoint, folder)
    if options.plain:
        export_plain(checkpoint, folder / NETWORK_FILE)
        yield {"format": PLAIN, "parity": parity.check(checkpoint, folder, measured[:PARITY_PROMPTS])}
        return
    with tempfile.TemporaryDirectory(dir=folder) as scratch:
        formats.write(formats.FP32, checkpoint, Path(scratch))
        parity.check(checkpoint, Path(scratch), measured[:PARITY_PROMPTS])
    choice = format_selection.choose(checkpoint, measured, calibration, folder, options.thresholds, progress)
    for tried in choice.tried:
        yield {**asdict(tried), "delta": tried.delta if math.isfinite(tried.delta) else None, "prompts": len(measured)}


def _ids(tokenize: Tokenize, prompt: str) -> Array:
    return np.array(tokenize.ids(prompt), dtype=np.int64)


def _write_decision(rules: Mapping[str, Any], folder: Path) -> None:
    (folder / DECISION_FILE).write_text(json.dumps(rules, indent=1) + "\n")
    (folder / LABELS_FILE).write_text("".join(f"{item['label']}\n" for item in rules["classes"]))


def _digests(checkpoint: Checkpoint) -> dict[str, str]:
    """The SHA-256 of the checkpoint's weight files, by name."""
    return {file.name: sha256(file) for file in sorted(checkpoint.folder.glob("*.safetensors"))}
