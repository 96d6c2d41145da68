"""What is known of a version: where it comes from, what was measured, the SHA-256 of each of its files."""

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
    """`report.json` beside the network.

    `format`: of the network's numbers. `figures`: what was measured of each format that was tried, the chosen one last:
    `format`, and where it was measured `agreement` with fp32 by head, `delta` of the scores, `prompts`.
    `files`: SHA-256 by path in the repository. `source`: what it was made from. `made_with`: this package's version.
    """

    format: str
    figures: Sequence[Mapping[str, Any]]
    files: Mapping[str, str]
    source: Mapping[str, str]
    made_with: str = f"edge-llm-router {__version__}"

    @classmethod
    def read(cls, folder: Path) -> Self | None:
        """`folder`: the version folder of the network. None when it holds no report. Raises RepositoryError when the
        file is not one."""
        file = folder / REPORT_FILE
        if not file.exists():
            return None
        try:
            return cls(**json.loads(file.read_text()))
        except (OSError, ValueError, TypeError) as error:
            raise RepositoryError(f"{file}: not a version's report: {error}") from error

    def write(self, folder: Path) -> None:
        (folder / REPORT_FILE).write_text(json.dumps(asdict(self), indent=1) + "\n")

    def problems(self, repository: Path) -> list[str]:
        """Each file that is not what it was when the version was made, in a sentence."""
        found = []
        for name, wanted in self.files.items():
            file = repository / name
            if not file.is_file():
                found.append(f"{file} is missing; import the version again")
            elif sha256(file) != wanted:
                found.append(f"{file} is not what the version was made with; import the version again")
        return found


def checksums(repository: Path, version: int) -> dict[str, str]:
    """SHA-256 of every file of the version, by path in the repository; the report is not among them."""
    files = [file for file in repository.glob(f"*/{version}/*") if file.is_file() and file.name[0] != "."]
    return {str(file.relative_to(repository)): sha256(file) for file in sorted(files) if file.name != REPORT_FILE}


def sha256(file: Path) -> str:
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()
