"""A published checkpoint by name and revision: downloaded once, checked by its digests, kept for good."""

import hashlib
import json
import os
import re
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import BinaryIO, TypeVar

from httpx2 import HTTPError
from huggingface_hub import HfApi, get_token, hf_hub_url
from huggingface_hub.errors import HfHubHTTPError, OfflineModeIsEnabled
from huggingface_hub.file_download import http_get

from edge_router import atomic_write
from edge_router.contract import SENTENCEPIECE_FILE, TOKENIZER_FILE
from edge_router.conversion.checkpoint import CONFIG_FILE
from edge_router.conversion.errors import CheckpointError
from edge_router.errors import UnavailableError

Found = TypeVar("Found")

NAME = re.compile(r"\w[\w.-]*/\w[\w.-]*")
WANTED = re.compile(
    rf"{re.escape(CONFIG_FILE)}|[^/]+\.safetensors|model\.safetensors\.index\.json"
    rf"|{re.escape(SENTENCEPIECE_FILE)}|{re.escape(TOKENIZER_FILE)}"
)
LISTING_FILE = "listing.json"
COMMIT_FILE = "commit"


@dataclass(frozen=True)
class Published:
    """A file as the hub describes it. `digest`: SHA-256 of a large file; of a small one git's, SHA-1 with its size."""

    name: str
    size: int
    digest: str

    def check(self, file: Path) -> None:
        """Raises CheckpointError; then the file is gone, so that it is fetched anew the next time."""
        with file.open("rb") as content:
            found = hashlib.file_digest(content, self._hash).hexdigest()
        if found != self.digest:
            file.unlink()
            raise CheckpointError(
                f"{file}: its digest is {found}, published is {self.digest}; it is deleted, run the command again"
            )

    def _hash(self) -> "hashlib._Hash":
        if len(self.digest) == hashlib.sha256().digest_size * 2:
            return hashlib.sha256()
        return hashlib.sha1(f"blob {self.size}\0".encode())


def cache() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "edge-router" / "hub"


def fetch(name: str, revision: str, kept: Path) -> Path:
    """The folder, below `kept`, of the checkpoint's files.

    What is there already is checked and not asked for again, a download that was cut off goes on where it ended, and
    once all is there no network is needed. Raises UnavailableError when the hub does not give it, CheckpointError when
    what it gives is not what it published or no checkpoint.
    """
    if not NAME.fullmatch(name):
        raise CheckpointError(f"{name}: neither a folder here nor ORGANISATION/NAME on the hub")
    folder = kept / name / revision.replace("/", "_")
    for file in _listing(name, revision, folder):
        path = folder / file.name
        if not path.exists():
            _download(name, (folder / COMMIT_FILE).read_text(), file, path)
        file.check(path)
    return folder


def commit(folder: Path) -> str:
    """What `fetch` found the revision to be."""
    return (folder / COMMIT_FILE).read_text()


def _listing(name: str, revision: str, folder: Path) -> list[Published]:
    listing = folder / LISTING_FILE
    if not listing.exists():
        info = _asked(name, lambda: HfApi().model_info(name, revision=revision, files_metadata=True))
        files = {each.rfilename: each for each in info.siblings or []}
        _refuse_pickle(name, list(files))
        found = [
            Published(file, each.size or 0, (each.lfs.sha256 if each.lfs else each.blob_id) or "")
            for file, each in files.items()
            if WANTED.fullmatch(file)
        ]
        folder.mkdir(parents=True, exist_ok=True)
        (folder / COMMIT_FILE).write_text(str(info.sha))
        atomic_write.write(listing, json.dumps([asdict(each) for each in found]))
    return [Published(**each) for each in json.loads(listing.read_text())]


def _refuse_pickle(name: str, files: Sequence[str]) -> None:
    if not any(file.endswith(".safetensors") for file in files):
        raise CheckpointError(
            f"{name}: publishes no *.safetensors; a pickle is not read, because reading one runs the code in it"
        )


def _download(name: str, commit: str, file: Published, path: Path) -> None:
    part = path.with_name(f"{path.name}.part")
    with part.open("ab") as content:
        if content.tell() > file.size:
            content.truncate(0)
        _asked(name, lambda: _get(hf_hub_url(name, file.name, revision=commit), content, file))
    part.replace(path)


def _get(url: str, content: BinaryIO, file: Published) -> None:
    token = get_token()
    http_get(
        url,
        content,
        resume_size=content.tell(),
        headers={"authorization": f"Bearer {token}"} if token else {},
        expected_size=file.size,
        displayed_filename=file.name,
    )


def _asked(name: str, ask: Callable[[], Found]) -> Found:
    try:
        return ask()
    except OfflineModeIsEnabled as error:
        raise UnavailableError(f"{name}: not whole on this machine, and HF_HUB_OFFLINE forbids to fetch it") from error
    except HfHubHTTPError as error:
        raise UnavailableError(
            f"{name}: the hub answers {error.response.status_code}; check the name, the revision and, "
            "where it is gated, HF_TOKEN"
        ) from error
    except (HTTPError, OSError) as error:
        raise UnavailableError(f"{name}: cannot be fetched ({error}); run the command again to go on") from error
