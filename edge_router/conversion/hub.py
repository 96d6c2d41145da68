"""Downloads a published checkpoint by name and revision, once, and checks its digests."""

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

Result = TypeVar("Result")

NAME = re.compile(r"\w[\w.-]*/\w[\w.-]*")
WANTED = re.compile(
    rf"{re.escape(CONFIG_FILE)}|[^/]+\.safetensors|model\.safetensors\.index\.json"
    rf"|{re.escape(SENTENCEPIECE_FILE)}|{re.escape(TOKENIZER_FILE)}"
)
LISTING_FILE = "listing.json"
COMMIT_FILE = "commit"


@dataclass(frozen=True)
class Published:
    """A file on the hub. `digest`: SHA-256 of a large file; git's blob SHA-1 of a small one."""

    name: str
    size: int
    digest: str

    def check(self, file: Path) -> None:
        """Raises CheckpointError when the digest is wrong, and deletes the file so that it is downloaded again."""
        with file.open("rb") as content:
            actual = hashlib.file_digest(content, self._hash).hexdigest()
        if actual != self.digest:
            file.unlink()
            raise CheckpointError(
                f"{file}: its digest is {actual}, but {self.digest} is published; the file was deleted, "
                "run the command again"
            )

    def _hash(self) -> "hashlib._Hash":
        if len(self.digest) == hashlib.sha256().digest_size * 2:
            return hashlib.sha256()
        return hashlib.sha1(f"blob {self.size}\0".encode())


def cache() -> Path:
    """The folder for downloaded checkpoints."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "edge-router" / "hub"


def fetch(name: str, revision: str, cache: Path) -> Path:
    """Downloads the checkpoint's files into a folder below `cache` and returns the folder.

    Files that are there are checked and not downloaded again, an interrupted download resumes, and a complete
    checkpoint needs no network. Raises UnavailableError when the hub does not provide the checkpoint, CheckpointError
    when it is not one or its files differ from their digests.
    """
    if not NAME.fullmatch(name):
        raise CheckpointError(f"{name}: is neither a folder on this machine nor ORGANISATION/NAME on the hub")
    folder = cache / name / revision.replace("/", "_")
    for file in _listing(name, revision, folder):
        path = folder / file.name
        if not path.exists():
            _download(name, (folder / COMMIT_FILE).read_text(), file, path)
        file.check(path)
    return folder


def commit(folder: Path) -> str:
    """The commit of the revision that `fetch` downloaded into `folder`."""
    return (folder / COMMIT_FILE).read_text()


def _listing(name: str, revision: str, folder: Path) -> list[Published]:
    listing = folder / LISTING_FILE
    if not listing.exists():
        info = _request(name, lambda: HfApi().model_info(name, revision=revision, files_metadata=True))
        files = {each.rfilename: each for each in info.siblings or []}
        _refuse_pickle(name, list(files))
        published = [
            Published(file, each.size or 0, (each.lfs.sha256 if each.lfs else each.blob_id) or "")
            for file, each in files.items()
            if WANTED.fullmatch(file)
        ]
        folder.mkdir(parents=True, exist_ok=True)
        (folder / COMMIT_FILE).write_text(str(info.sha))
        atomic_write.write(listing, json.dumps([asdict(each) for each in published]))
    return [Published(**each) for each in json.loads(listing.read_text())]


def _refuse_pickle(name: str, files: Sequence[str]) -> None:
    if not any(file.endswith(".safetensors") for file in files):
        raise CheckpointError(
            f"{name}: publishes no *.safetensors; a pickle is not read, because reading it can run any code"
        )


def _download(name: str, commit: str, file: Published, path: Path) -> None:
    part = path.with_name(f"{path.name}.part")
    with part.open("ab") as content:
        if content.tell() > file.size:
            content.truncate(0)
        _request(name, lambda: _get(hf_hub_url(name, file.name, revision=commit), content, file))
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


def _request(name: str, call: Callable[[], Result]) -> Result:
    """Runs `call`; its network errors become UnavailableError."""
    try:
        return call()
    except OfflineModeIsEnabled as error:
        raise UnavailableError(
            f"{name}: is incomplete on this machine, and HF_HUB_OFFLINE is set; unset it to download the rest"
        ) from error
    except HfHubHTTPError as error:
        raise UnavailableError(
            f"{name}: the hub answers {error.response.status_code}; check the name, the revision and, "
            "if the model is gated, HF_TOKEN"
        ) from error
    except (HTTPError, OSError) as error:
        raise UnavailableError(f"{name}: the download failed ({error}); run the command again to resume") from error
