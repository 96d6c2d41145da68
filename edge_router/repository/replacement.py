"""Replaces several files; a failure leaves every one of them as it was."""

import shutil
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from edge_router import atomic_write
from edge_router.errors import RepositoryError


def replace(changes: Sequence[tuple[Path, str]]) -> None:
    """Gives each file its new text, in order; a file may occur twice.

    All old and new texts are written to hidden files before the first file is replaced. So a full disk or a folder
    without write permission fails while nothing has changed, and an interruption restores the old files. After a power
    cut, the first part of the changes may be in place. Raises RepositoryError.
    """
    with ExitStack() as hidden, ExitStack() as undo:
        try:
            old = {file: _hidden_copy(file, "old", file.read_text(), hidden) for file, _ in changes}
            new = [_hidden_copy(file, str(number), text, hidden) for number, (file, text) in enumerate(changes)]
            for file, copy in old.items():
                undo.callback(copy.replace, file)
            for copy, (file, _) in zip(new, changes, strict=True):
                copy.replace(file)
                atomic_write.sync(file.parent)
        except OSError as error:
            where = error.filename or changes[0][0].parent
            raise RepositoryError(atomic_write.failure(where, error)) from error
        undo.pop_all()


def _hidden_copy(file: Path, name: str, text: str, hidden: ExitStack) -> Path:
    """A hidden file beside `file` with its permissions and `text`; it is removed when `hidden` closes."""
    copy = hidden.enter_context(atomic_write.temporary(file, name))
    copy.write_text(text)
    shutil.copymode(file, copy)
    atomic_write.sync(copy)
    return copy
