"""Import of a tiny checkpoint in the published layout: it becomes the pinned version, or nothing changes."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from rich.progress import Progress

from edge_router.contract import COMPLEXITY_ROUTER, INPUT, LABEL, LOGITS, OUTPUT, TASK_ROUTER, ensemble
from edge_router.conversion import importer, parity
from edge_router.conversion.checkpoint import Checkpoint
from edge_router.conversion.eager import Eager
from edge_router.conversion.errors import CheckpointError
from edge_router.conversion.format_selection import Thresholds
from edge_router.conversion.importer import ImportOptions, ImportResult
from edge_router.conversion.prompts import Prompts
from edge_router.engines import EngineSettings
from edge_router.engines.onnx import OnnxEngine
from edge_router.errors import ConfigError, RepositoryError, RouterError
from edge_router.pipeline import Pipeline
from edge_router.repository import Repository, pins
from edge_router.repository.integrity import problems
from edge_router.stages.decide import Decide, DecisionRules
from edge_router.stages.tokenize import Tokenize
from edge_router.tensors import text_tensor
from scripts.make_checkpoint import make
from tests.support.shipped import POLICIES
from tests.support.third_policy import POLICY, add_policy
from tests.support.versions import two_versions

LENIENT = Thresholds(agreement=0.5, delta=0.5)
PROMPTS = Prompts.read(None, 40)


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Checkpoint:
    make(folder := tmp_path_factory.mktemp("checkpoint"))
    return Checkpoint.read(folder)


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    return two_versions(tmp_path)


def run(
    checkpoint: Checkpoint, repository: Path, policies: Sequence[str] | None = POLICIES, **wish: Any
) -> ImportResult:
    wished = ImportOptions(policies=policies, **{"thresholds": LENIENT, **wish})
    layers = sorted((repository.parent / "overrides").iterdir())
    with Progress(disable=True) as progress:
        return importer.run(checkpoint, {"name": "tiny"}, PROMPTS, Repository(repository), layers, wished, progress)


def state(repository: Path) -> dict[Path, bytes]:
    """All files with their contents, and all folders."""
    found = sorted(repository.parent.rglob("*"))
    return {path: path.read_bytes() if path.is_file() and "model.onnx" not in path.name else b"" for path in found}


def eager_labels(checkpoint: Checkpoint, tokenize: Tokenize, policy: str) -> list[bytes]:
    eager, decide = Eager(checkpoint), Decide(DecisionRules.of(checkpoint.rules[policy]))
    labels = []
    for prompt in PROMPTS.measured:
        ids = torch.tensor([tokenize.ids(prompt)])
        [answer] = decide.run([{LOGITS: eager(ids, torch.ones_like(ids)).numpy()}])
        assert not isinstance(answer, RouterError)
        labels.append(answer[LABEL][0, 0])
    return labels


@pytest.mark.parametrize("thresholds", [Thresholds(agreement=1.0, delta=1e-6), Thresholds()])
def test_the_new_version_decides_like_the_checkpoint(
    checkpoint: Checkpoint, repository: Path, thresholds: Thresholds
) -> None:
    made = run(checkpoint, repository, thresholds=thresholds)
    assert made.version == 3
    opened = Repository(repository)
    assert pins.read(opened) == dict.fromkeys(POLICIES, 3)
    tokenize = Tokenize.load(repository / "preprocessing_task_router" / "3", {})
    pipeline = Pipeline.load(opened, [*map(ensemble, POLICIES)])
    for policy in POLICIES:
        labels = pipeline.labels(ensemble(policy))
        found = [
            labels[
                int(pipeline.infer(ensemble(policy), {INPUT: text_tensor([prompt.encode()])})[OUTPUT].argmax())
            ].encode()
            for prompt in PROMPTS.measured
        ]
        equal = np.mean(
            [one == other for one, other in zip(found, eager_labels(checkpoint, tokenize, policy), strict=True)]
        )
        assert equal >= thresholds.agreement - 0.03  # the gate looks at heads, a complexity at all of them


def test_the_new_version_is_complete_and_has_a_report(checkpoint: Checkpoint, repository: Path) -> None:
    made = run(checkpoint, repository, also=["fp16"])
    assert problems(Repository(repository), []) == []
    assert set(made.files) == set(made.report.files)
    assert made.report.format == made.report.figures[-1]["format"]
    assert made.report.source["name"] == "tiny"
    assert set(made.report.source) == {"name", "model.safetensors"}
    assert "task_router/3/model.fp16.onnx" in made.files
    [head, *_] = made.report.figures[-1]["agreement"]
    assert head == "task_type"
    assert (repository / "task_router/3/model.py").read_text() == (repository / "task_router/1/model.py").read_text()


def test_an_import_for_one_policy_keeps_the_pin_of_the_other(checkpoint: Checkpoint, repository: Path) -> None:
    run(checkpoint, repository, [COMPLEXITY_ROUTER])
    assert pins.read(Repository(repository)) == {TASK_ROUTER: 1, COMPLEXITY_ROUTER: 3}
    assert not (repository / "postprocessing_task_router" / "3").exists()
    assert problems(Repository(repository), []) == []


def test_a_plain_import_writes_the_exported_graph(checkpoint: Checkpoint, repository: Path) -> None:
    made = run(checkpoint, repository, plain=True)
    assert made.report.format == "plain fp32"
    ids = np.array([[1, 9, 2]])
    engine = OnnxEngine.load(repository / TASK_ROUTER / "3", EngineSettings())
    wanted = Eager(checkpoint)(torch.from_numpy(ids), torch.ones((1, 3), dtype=torch.int64)).numpy()
    assert np.allclose(engine.run(ids, np.ones_like(ids)), wanted, atol=1e-5)


def test_a_dry_run_changes_nothing(checkpoint: Checkpoint, repository: Path) -> None:
    before = state(repository)
    made = run(checkpoint, repository, dry_run=True)
    assert "task_router/3/model.onnx" in made.files
    assert str(repository / TASK_ROUTER / "config.pbtxt") in made.moved
    assert state(repository) == before


@pytest.mark.parametrize(
    ("where", "error", "seen"),
    [
        ("formats.write", OSError(28, "No space left on device", "model.onnx.data"), RepositoryError),
        ("format_selection.choose", KeyboardInterrupt(), KeyboardInterrupt),
        ("smoke_test", RepositoryError("cannot be served"), RepositoryError),
        ("pins.move", KeyboardInterrupt(), KeyboardInterrupt),
        ("pins.move", RepositoryError("read-only"), RepositoryError),
    ],
)
def test_a_failure_at_any_step_keeps_the_current_version(
    checkpoint: Checkpoint,
    repository: Path,
    monkeypatch: pytest.MonkeyPatch,
    where: str,
    error: BaseException,
    seen: type[BaseException],
) -> None:
    def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr(f"edge_router.conversion.importer.{where}", fail)
    before = state(repository)
    with pytest.raises(seen):
        run(checkpoint, repository)
    assert state(repository) == before


def test_a_network_that_differs_from_the_checkpoint_is_refused(
    checkpoint: Checkpoint, repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parity, "TOLERANCE", 0.0)
    before = state(repository)
    with pytest.raises(CheckpointError, match="differs from torch"):
        run(checkpoint, repository)
    assert state(repository) == before


def test_an_existing_version_is_not_overwritten(checkpoint: Checkpoint, repository: Path) -> None:
    with pytest.raises(ConfigError, match="version 2 already exists"):
        run(checkpoint, repository, version=2)


def test_a_policy_without_a_head_is_refused(checkpoint: Checkpoint, repository: Path) -> None:
    one = Checkpoint(**{**vars(checkpoint), "rules": {TASK_ROUTER: checkpoint.rules[TASK_ROUTER]}})
    with pytest.raises(CheckpointError, match="has no head for complexity_router"):
        run(one, repository)


def test_a_policy_that_the_checkpoint_does_not_know_keeps_its_version(checkpoint: Checkpoint, repository: Path) -> None:
    add_policy(repository)
    made = run(checkpoint, repository, None)
    assert list(made.policies) == [TASK_ROUTER, COMPLEXITY_ROUTER]
    assert pins.read(Repository(repository)) == {TASK_ROUTER: 3, COMPLEXITY_ROUTER: 3, POLICY: 1}
    assert Repository(repository).versions(TASK_ROUTER) == [1, 3]
    assert problems(Repository(repository), []) == []
    with pytest.raises(CheckpointError, match="has no head for demand_router"):
        run(checkpoint, repository, [POLICY])


def test_a_checkpoint_for_none_of_the_policies_is_refused(checkpoint: Checkpoint, repository: Path) -> None:
    other = Checkpoint(**{**vars(checkpoint), "rules": {"mood_router": checkpoint.rules[TASK_ROUTER]}})
    with pytest.raises(CheckpointError, match=r"for mood_router; the policies of .* are task_router, complexity"):
        run(other, repository, None)


def test_measured_prompts_and_calibration_prompts_are_disjoint(tmp_path: Path) -> None:
    file = tmp_path / "prompts.jsonl"
    file.write_text("".join(f'{{"prompt": "number {number}"}}\n' for number in range(300)))
    found = Prompts.read(file, 40)
    assert len(found.measured) == 40
    assert not set(found.measured) & set(found.calibration)
    with pytest.raises(ConfigError, match=r"300 prompts; give --prompts FILE with at least 1256"):
        Prompts.read(file, 1000)
    file.write_text('{"prompt": "x"}\n{"text": "x"}\n')
    with pytest.raises(ConfigError, match="line 2"):
        Prompts.read(file, 1)
