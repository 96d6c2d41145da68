"""Replacement of several files: failures, interruptions, syncs."""

import os
from pathlib import Path

import pytest

from edge_router.errors import RepositoryError
from edge_router.repository.replacement import replace


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    found = [tmp_path / "a" / "config.pbtxt", tmp_path / "b" / "config.pbtxt"]
    for file in found:
        file.parent.mkdir()
        file.write_text("old")
    return found


def contents(files: list[Path]) -> list[str]:
    return [file.read_text() for file in files]


def no_hidden_files(files: list[Path]) -> bool:
    return all(list(file.parent.iterdir()) == [file] for file in files)


def test_every_file_gets_its_last_text_and_keeps_its_permissions(files: list[Path]) -> None:
    files[0].chmod(0o640)
    replace([(files[0], "first"), (files[1], "new"), (files[0], "last")])
    assert contents(files) == ["last", "new"]
    assert files[0].stat().st_mode & 0o777 == 0o640
    assert no_hidden_files(files)


def test_a_full_disk_changes_nothing(files: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    write = Path.write_text

    def full(self: Path, text: str) -> int:
        if text == "last":
            raise OSError(28, "No space left on device", str(self))
        return write(self, text)

    monkeypatch.setattr(Path, "write_text", full)
    with pytest.raises(RepositoryError, match="No space left on device; nothing has changed"):
        replace([(files[0], "new"), (files[1], "last")])
    assert contents(files) == ["old", "old"]
    assert no_hidden_files(files)


@pytest.mark.parametrize("error", [OSError(30, "Read-only file system"), KeyboardInterrupt()])
def test_an_interruption_between_two_files_restores_the_first_one(
    files: list[Path], monkeypatch: pytest.MonkeyPatch, error: BaseException
) -> None:
    move = Path.replace

    def interrupted(self: Path, target: Path) -> Path:
        if self.name.endswith(".1"):
            raise error
        return move(self, target)

    monkeypatch.setattr(Path, "replace", interrupted)
    with pytest.raises((RepositoryError, KeyboardInterrupt)):
        replace([(files[0], "new"), (files[1], "new")])
    assert contents(files) == ["old", "old"]
    assert no_hidden_files(files)


def test_new_files_are_synced_before_they_replace_old_ones(files: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[str] = []
    monkeypatch.setattr(os, "fsync", lambda descriptor: synced.append(os.readlink(f"/proc/self/fd/{descriptor}")))
    move = Path.replace

    def checked(self: Path, target: Path) -> Path:
        assert str(self) in synced
        return move(self, target)

    monkeypatch.setattr(Path, "replace", checked)
    replace([(file, "new") for file in files])
    assert [str(file.parent) for file in files] == synced[-2:]
