"""The report of a version: its source, its measured figures, and the SHA-256 of its files."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

from edge_router import __version__
from edge_router.contract import REPORT_FILE
from edge_router.errors import RepositoryError


@dataclass(frozen=True, kw_only=True)
class Report:
    """The content of `report.json` in the network's version folder.

    `format`: number format of the network. `figures`: the figures of each format that was tried, the chosen one last:
    `format` and, if measured, `agreement` with fp32 by head, `delta` of the scores, `prompts`. `files`: SHA-256 by path
    in the repository. `source`: the checkpoint or data. `made_with`: version of this package.
    """

    format: str
    figures: Sequence[Mapping[str, Any]]
    files: Mapping[str, str]
    source: Mapping[str, str]
    made_with: str = f"edge-llm-router {__version__}"

    @classmethod
    def read(cls, folder: Path) -> Self | None:
        """Reads the report in the network's version folder; None if there is none. Raises RepositoryError."""
        file = folder / REPORT_FILE
        if not file.exists():
            return None
        try:
            return cls(**json.loads(file.read_text()))
        except (OSError, ValueError, TypeError) as error:
            raise RepositoryError(f"{file}: is not the report of a version: {error}") from error

    def write(self, folder: Path) -> None:
        (folder / REPORT_FILE).write_text(json.dumps(asdict(self), indent=1) + "\n")

    def problems(self, repository: Path) -> list[str]:
        """The files that are missing or have changed since the version was made, each with the remedy."""
        found = []
        for name, digest in self.files.items():
            file = repository / name
            if not file.is_file():
                found.append(f"{file} is missing; import the version again")
            elif sha256(file) != digest:
                found.append(f"{file} has changed since the version was made; import the version again")
        return found


def checksums(repository: Path, version: int) -> dict[str, str]:
    """The SHA-256 of every file of the version except the report, by path in the repository."""
    files = [file for file in repository.glob(f"*/{version}/*") if file.is_file() and file.name[0] != "."]
    return {str(file.relative_to(repository)): sha256(file) for file in sorted(files) if file.name != REPORT_FILE}


def sha256(file: Path) -> str:
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()
