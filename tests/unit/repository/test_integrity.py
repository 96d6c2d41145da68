import json
import shutil
from pathlib import Path

import pytest

from edge_router.contract import DECISION_FILE, TASK_ROUTER, postprocessing
from edge_router.errors import RepositoryError
from edge_router.repository import Repository, pins
from edge_router.repository.integrity import problems
from edge_router.repository.report import Report, checksums
from tests.support.shipped import POLICIES, preprocessing
from tests.support.versions import two_versions


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    return two_versions(tmp_path)


def found(repository: Path) -> list[str]:
    return problems(Repository(repository), sorted((repository.parent / "overrides").iterdir()))


def test_a_correct_repository_has_no_problem(repository: Path) -> None:
    assert found(repository) == []


@pytest.mark.parametrize("model", [TASK_ROUTER, postprocessing(TASK_ROUTER), "complexity_router"])
def test_inconsistent_pins_are_named_with_the_command_that_repairs_them(repository: Path, model: str) -> None:
    moved = repository.parent / "moved"
    shutil.copytree(repository, moved, symlinks=True)
    pins.move(Repository(moved), [], dict.fromkeys(POLICIES, 2))
    shutil.copy(moved / model / "config.pbtxt", repository / model)
    [sentence] = found(repository)
    assert str(repository / model / "config.pbtxt") in sentence
    assert "repair it with: edge-router models pin VERSION" in sentence
    pins.move(Repository(repository), [], dict.fromkeys(POLICIES, 1))
    assert found(repository) == []


def test_a_layer_with_other_pins_is_named(repository: Path) -> None:
    pins.move(Repository(repository), [], dict.fromkeys(POLICIES, 2))
    assert any("overrides/cpu/task_router/config.pbtxt" in sentence for sentence in found(repository))


def test_a_missing_pinned_version_is_named(repository: Path) -> None:
    shutil.rmtree(repository / preprocessing(TASK_ROUTER) / "1")
    assert any(f"{preprocessing(TASK_ROUTER)} has no version 1; it has 2" in sentence for sentence in found(repository))


def test_an_incomplete_version_is_named(repository: Path) -> None:
    (repository / TASK_ROUTER / "3").mkdir()
    assert [sentence for sentence in found(repository) if "version 3 is incomplete" in sentence]


def test_a_changed_file_and_a_missing_one_are_named(repository: Path) -> None:
    (repository / postprocessing(TASK_ROUTER) / "1" / DECISION_FILE).write_text("{}")
    (repository / preprocessing(TASK_ROUTER) / "1" / "tokenizer.json").unlink()
    changed, gone = sorted(set(found(repository)))  # the copy's versions share a network, and its report with it
    assert f"{DECISION_FILE} has changed since the version was made" in changed
    assert "tokenizer.json is missing" in gone


def test_a_folder_left_by_a_killed_import_is_named(repository: Path) -> None:
    (left := repository.parent / ".model_repository-import-abc").mkdir()
    assert found(repository) == [f"{left}: is left from an interrupted import; delete it"]


def test_a_report_is_read_as_written_and_a_wrong_one_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / TASK_ROUTER / "4"
    folder.mkdir(parents=True)
    assert Report.read(folder) is None
    (folder / "model.onnx").write_bytes(b"network")
    report = Report(format="int8", figures=[{"format": "int8"}], files=checksums(tmp_path, 4), source={"name": "x"})
    report.write(folder)
    assert Report.read(folder) == report
    assert checksums(tmp_path, 4) == report.files  # the report itself is not among them
    (folder / "report.json").write_text(json.dumps({"format": "int8"}))
    with pytest.raises(RepositoryError, match="is not the report of a version"):
        Report.read(folder)
