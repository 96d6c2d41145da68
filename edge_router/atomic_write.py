"""Replaces files atomically: a reader, a crash or a full disk leaves the old content or the new one, never a part."""

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def temporary(file: Path, name: str = "new") -> Iterator[Path]:
    """Yields a path for a hidden file beside `file`; removes that file at the end of the block."""
    path = file.with_name(f".{file.name}.{secrets.token_hex(4)}.{name}")
    try:
        yield path
    finally:
        path.unlink(missing_ok=True)


def publish(path: Path, file: Path) -> None:
    """Moves a complete temporary file to `file`. Raises OSError."""
    sync(path)
    path.replace(file)
    sync(file.parent)


def write(file: Path, text: str, mode: int = 0o666) -> None:
    """Gives `file` a new text and the permissions `mode`, limited by the umask. Raises OSError."""
    with temporary(file) as path:
        path.touch(mode)
        path.write_text(text)
        publish(path, file)


def sync(path: Path) -> None:
    """Waits until a file, or the names in a folder, are on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def failure(path: Path | str, error: OSError) -> str:
    """The message about a write that failed."""
    return f"{path}: cannot be written: {error.strerror}; nothing has changed"
