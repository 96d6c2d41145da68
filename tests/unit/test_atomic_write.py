"""Atomic writes: what a failure leaves behind."""

import os
import stat
from pathlib import Path

import pytest

from edge_router import atomic_write


def test_a_file_gets_its_text_and_permissions_and_nothing_else_stays(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("old")
    atomic_write.write(file, "new", 0o600)
    assert (file.read_text(), stat.S_IMODE(file.stat().st_mode)) == ("new", 0o600)
    assert list(tmp_path.iterdir()) == [file]


def test_a_full_disk_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "file"
    file.write_text("old")

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left on device"):
        atomic_write.write(file, "new")
    assert [(found, found.read_text()) for found in tmp_path.iterdir()] == [(file, "old")]
