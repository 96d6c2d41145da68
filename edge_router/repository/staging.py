"""Stages a new version beside the repository until it is complete."""

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from edge_router.atomic_write import sync
from edge_router.errors import RepositoryError
from edge_router.repository.repository import CONFIG_FILE, Repository


@contextmanager
def staging(repository: Repository) -> Iterator[Path]:
    """Yields a copy of the repository for new version folders; removes it at the end of the block.

    The copy links to the existing versions. It is on the same file system, so that a new version folder can be renamed
    into the repository. Raises RepositoryError when it cannot be written.
    """
    path = repository.path.resolve()
    try:
        with tempfile.TemporaryDirectory(prefix=_prefix(path), dir=path.parent) as name:
            staged = Path(name)
            for model in repository.models:
                (staged / model).mkdir()
                (staged / model / CONFIG_FILE).write_bytes((path / model / CONFIG_FILE).read_bytes())
                for version in repository.version_folders(model):
                    (staged / model / str(version)).symlink_to(path / model / str(version))
            yield staged
    except OSError as error:
        where = error.filename or path.parent
        raise RepositoryError(f"{where}: {error.strerror or error}; nothing has changed") from error


def left_behind(repository: Path) -> list[Path]:
    """The staging folders that a killed process has left behind."""
    path = repository.resolve()
    return sorted(path.parent.glob(f"{_prefix(path)}*"))


@contextmanager
def entered(repository: Repository, staged: Path, models: Sequence[str], version: int) -> Iterator[None]:
    """Renames the version's folders from `staged` into the repository, and back when the block fails."""
    folders = [(staged / model / str(version), repository.version_folder(model, version)) for model in models]
    for folder, _ in folders:
        for path in (*folder.iterdir(), folder):
            path.chmod(0o755 if path.is_dir() else 0o644)  # a container has another user
            sync(path)
    with ExitStack() as undo:
        for new, final in folders:
            undo.callback(_move_back, final, new)
            new.rename(final)
            sync(final.parent)
        yield
        undo.pop_all()


def _move_back(final: Path, new: Path) -> None:
    if final.is_dir() and not new.exists():
        final.rename(new)


def _prefix(path: Path) -> str:
    return f".{path.name}-import-"
