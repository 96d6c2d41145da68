"""Staging of a version: entering the repository, and leaving it unchanged on failure."""

from pathlib import Path

import pytest

from edge_router.contract import TASK_ROUTER
from edge_router.errors import RepositoryError
from edge_router.repository import Repository
from edge_router.repository.staging import entered, left_behind, staging
from tests.support.shipped import preprocessing
from tests.support.versions import two_versions

MODELS = [preprocessing(TASK_ROUTER), TASK_ROUTER]


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return Repository(two_versions(tmp_path))


def tree(root: Path) -> list[Path]:
    return sorted(root.rglob("*"))


def make(staged: Path) -> None:
    for model in MODELS:
        (staged / model / "3").mkdir()
        (file := staged / model / "3" / "file").write_text(model)
        file.chmod(0o600)


def enter(repository: Repository, error: BaseException | None = None) -> None:
    with staging(repository) as staged:
        make(staged)
        with entered(repository, staged, MODELS, 3):
            if error is not None:
                raise error


def test_the_staged_repository_has_the_old_versions_and_the_new_one(repository: Repository) -> None:
    with staging(repository) as staged:
        make(staged)
        found = Repository(staged)
        assert found.models == repository.models
        assert found.version_folders(TASK_ROUTER) == [1, 2, 3]
        assert staged.parent == repository.path.parent
    assert not staged.exists()


def test_a_version_enters_complete_and_readable_for_all_users(repository: Repository) -> None:
    enter(repository)
    file = repository.path / TASK_ROUTER / "3" / "file"
    assert file.read_text() == TASK_ROUTER
    assert file.stat().st_mode & 0o777 == 0o644


@pytest.mark.parametrize("error", [RepositoryError("no"), KeyboardInterrupt()])
def test_a_version_is_moved_back_when_a_later_step_fails(repository: Repository, error: BaseException) -> None:
    before = tree(repository.path.parent)
    with pytest.raises(type(error)):
        enter(repository, error)
    assert tree(repository.path.parent) == before


def test_the_first_model_is_moved_back_when_the_second_cannot_enter(repository: Repository) -> None:
    before = tree(repository.path.parent)
    (repository.path / TASK_ROUTER / "3").write_text("in the way")
    with pytest.raises(RepositoryError, match="nothing has changed"):
        enter(repository)
    (repository.path / TASK_ROUTER / "3").unlink()
    assert tree(repository.path.parent) == before


def test_a_full_disk_leaves_no_files(repository: Repository) -> None:
    with pytest.raises(RepositoryError, match="No space left on device; nothing has changed"), staging(repository):
        raise OSError(28, "No space left on device", "model.onnx.data")
    assert left_behind(repository.path) == []
