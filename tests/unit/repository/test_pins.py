"""Pins, changed in a copy of the shipped repository."""

import shutil
from pathlib import Path

import pytest

from edge_router.contract import COMPLEXITY_ROUTER, PROMPT_ROUTER_ENSEMBLE, TASK_ROUTER, postprocessing
from edge_router.errors import NotFoundError, RepositoryError
from edge_router.pipeline import Pipeline, smoke_test
from edge_router.repository import Repository, pins, replacement
from edge_router.stages.decide import Decide
from tests.support.shipped import POLICIES
from tests.support.versions import ROOT, two_versions

BOTH = dict.fromkeys(POLICIES, 2)
ONE = {TASK_ROUTER: 1, COMPLEXITY_ROUTER: 2}


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    return two_versions(tmp_path)


def layers(repository: Path) -> list[Path]:
    return sorted((repository.parent / "overrides").iterdir())


def move(repository: Path, wanted: dict[str, int]) -> list[Path]:
    return pins.move(Repository(repository), layers(repository), wanted)


def texts(repository: Path) -> dict[Path, str]:
    return {file: file.read_text() for file in sorted(repository.parent.rglob("config.pbtxt"))}


def test_the_shipped_repository_runs_one_version_everywhere() -> None:
    assert pins.read(Repository(ROOT / "model_repository")) == dict.fromkeys(POLICIES, 1)


@pytest.mark.parametrize("wanted", [BOTH, ONE, {TASK_ROUTER: 2, COMPLEXITY_ROUTER: 1}])
def test_changed_pins_are_read_and_served_and_can_be_reverted_to_the_byte(
    repository: Path, wanted: dict[str, int]
) -> None:
    before = texts(repository)
    assert move(repository, wanted)
    moved = Repository(repository)
    assert pins.read(moved) == wanted
    assert moved.versions(TASK_ROUTER) == sorted(set(wanted.values()))
    for policy, version in wanted.items():
        assert moved.versions(postprocessing(policy)) == [version]
        assert moved.config(postprocessing(policy)).output[0].label_filename == f"{version}/labels.txt"
    for layer in layers(repository):
        smoke_test(moved)
        for model in (file.parent.name for file in layer.glob("*/config.pbtxt")):
            assert Repository(repository, layer).versions(model) == moved.versions(model)
    move(repository, dict.fromkeys(POLICIES, 1))
    assert texts(repository) == before


def test_each_policy_decides_by_its_own_version(repository: Path) -> None:
    move(repository, ONE)
    pipeline = Pipeline.load(Repository(repository), [PROMPT_ROUTER_ENSEMBLE])
    loaded = {(served.model, served.version) for served in pipeline.served}
    assert {(TASK_ROUTER, 1), (TASK_ROUTER, 2)} <= loaded
    for policy, version in ONE.items():
        assert (postprocessing(policy), version) in loaded
        assert isinstance(pipeline.find(postprocessing(policy), version).stage, Decide)


def test_comments_are_kept(repository: Path) -> None:
    file = repository / TASK_ROUTER / "config.pbtxt"
    comments = [line for line in file.read_text().splitlines() if line.startswith("#")]
    move(repository, BOTH)
    assert comments
    assert [line for line in file.read_text().splitlines() if line.startswith("#")] == comments


def test_the_repository_can_be_served_after_a_power_cut_at_any_step(
    repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every prefix of the changes, as a server would find it at its next start."""
    taken: list[list[tuple[Path, str]]] = []
    monkeypatch.setattr(pins, "replace", lambda changes: taken.append(list(changes)))
    for wanted in (ONE, BOTH):
        move(repository, wanted)
    for changes in taken:
        shutil.copytree(repository, whole := repository.with_name("whole"), symlinks=True)
        for file, text in changes:
            if file.is_relative_to(repository):
                (whole / file.relative_to(repository)).write_text(text)
            smoke_test(Repository(whole))
        shutil.rmtree(whole)


def test_an_unknown_version_changes_nothing(repository: Path) -> None:
    before = texts(repository)
    shutil.rmtree(repository / postprocessing(TASK_ROUTER) / "2")
    with pytest.raises(NotFoundError, match=f"{postprocessing(TASK_ROUTER)} has no version 2; it has 1"):
        move(repository, BOTH)
    assert texts(repository) == before


@pytest.mark.parametrize(
    ("model", "old", "new", "message"),
    [
        (TASK_ROUTER, "versions: [ 1 ]", "versions: 1", "write them as in the shipped files"),
        (TASK_ROUTER, "specific { versions: [ 1 ] }", "latest { }", "write them as in the shipped files"),
        (PROMPT_ROUTER_ENSEMBLE, 'model_name: "task_router"', 'model_name: "mine"', "change its pins by hand"),
    ],
)
def test_a_file_whose_meaning_would_change_is_refused(
    repository: Path, model: str, old: str, new: str, message: str
) -> None:
    file = repository / model / "config.pbtxt"
    assert old in file.read_text()
    file.write_text(file.read_text().replace(old, new))
    before = texts(repository)
    with pytest.raises(RepositoryError, match=message):
        move(repository, BOTH)
    assert texts(repository) == before


def test_a_pin_in_a_comment_is_ignored(repository: Path) -> None:
    file = repository / "task_router_ensemble" / "config.pbtxt"
    file.write_text('# model_name: "task_router" model_version: 1\n' + file.read_text())
    move(repository, BOTH)
    assert pins.read(Repository(repository)) == BOTH


def test_equal_pins_write_nothing(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replacement, "_hidden_copy", None)
    assert move(repository, dict.fromkeys(POLICIES, 1)) == []
