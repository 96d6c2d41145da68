"""Several files replaced so that a failure leaves every one of them as it was."""

import os
import shutil
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from edge_router.errors import RepositoryError


def replace(changes: Sequence[tuple[Path, str]]) -> None:
    """Gives each file its new text, in order; a file may occur twice.

    Every text, old and new, is on the disk under a hidden name beside its file before the first file is replaced: a
    full disk or a folder that cannot be written is met while nothing has changed, and an interruption puts the old
    files back. What a power cut can leave behind is the first so many of the changes. Raises RepositoryError.
    """
    with ExitStack() as hidden, ExitStack() as undo:
        try:
            old = {file: _beside(file, "old", file.read_text(), hidden) for file, _ in changes}
            new = [_beside(file, str(number), text, hidden) for number, (file, text) in enumerate(changes)]
            for file, kept in old.items():
                undo.callback(kept.replace, file)
            for staged, (file, _) in zip(new, changes, strict=True):
                staged.replace(file)
                sync(file.parent)
        except OSError as error:
            where = error.filename or changes[0][0].parent
            raise RepositoryError(f"{where}: cannot be written: {error.strerror}; nothing has changed") from error
        undo.pop_all()


def sync(path: Path) -> None:
    """Has a file, or the names in a folder, on the disk itself when it returns."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _beside(file: Path, name: str, text: str, hidden: ExitStack) -> Path:
    """`text` beside `file`, under a name that lasts as long as `hidden`."""
    beside = file.with_name(f".{file.name}.{name}")
    hidden.callback(beside.unlink, missing_ok=True)
    beside.write_text(text)
    shutil.copymode(file, beside)
    sync(beside)
    return beside
