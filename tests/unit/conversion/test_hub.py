"""Downloads of a checkpoint from a hub on loopback; no test uses another network."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import huggingface_hub
import pytest
from huggingface_hub import constants, hf_api

from edge_router.conversion import hub as hubs
from edge_router.conversion.errors import CheckpointError
from edge_router.conversion.hub import commit, fetch
from edge_router.errors import UnavailableError
from tests.support.hub import COMMIT, NAME, REVISION, Hub, serving

WEIGHTS = bytes(range(256)) * 400
FILES = {
    "config.json": b'{"target_sizes": {}}',
    "model.safetensors": WEIGHTS,
    "spm.model": b"pieces",
    "pytorch_model.bin": b"a pickle",
    "onnx/model.safetensors": b"of another layout",
    "README.md": b"words",
}
WANTED = ["config.json", "model.safetensors", "spm.model"]


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    with serving(Hub(dict(FILES), large=frozenset({"model.safetensors"}))) as found:
        monkeypatch.setattr(constants, "ENDPOINT", found.url)
        monkeypatch.setattr(
            constants, "HUGGINGFACE_CO_URL_TEMPLATE", found.url + "/{repo_id}/resolve/{revision}/{filename}"
        )
        monkeypatch.setattr(hubs, "HfApi", lambda: hf_api.HfApi(endpoint=found.url))
        monkeypatch.setattr("time.sleep", lambda seconds: None)
        yield found


def fetched(hub: Hub) -> list[str]:
    return [path.rpartition("/")[2] for path, _ in hub.asked if "/resolve/" in path]


def test_only_the_checkpoints_files_are_downloaded(hub: Hub, tmp_path: Path) -> None:
    folder = fetch(NAME, REVISION, tmp_path)
    assert sorted(fetched(hub)) == WANTED
    assert {name: (folder / name).read_bytes() for name in WANTED} == {name: FILES[name] for name in WANTED}
    assert commit(folder) == COMMIT


def test_a_downloaded_checkpoint_needs_no_network(hub: Hub, tmp_path: Path) -> None:
    folder = fetch(NAME, REVISION, tmp_path)
    hub.asked.clear()
    assert fetch(NAME, REVISION, tmp_path) == folder
    assert hub.asked == []


def test_an_interrupted_download_resumes(hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(constants, "DOWNLOAD_CHUNK_SIZE", 10_000)
    hub.cut["model.safetensors"] = 30_000
    with pytest.raises(UnavailableError, match="answers 503"):
        fetch(NAME, REVISION, tmp_path)
    assert not list(tmp_path.rglob("model.safetensors"))
    hub.cut.clear()
    hub.asked.clear()
    folder = fetch(NAME, REVISION, tmp_path)
    assert (folder / "model.safetensors").read_bytes() == WEIGHTS
    assert [wanted for path, wanted in hub.asked if path.endswith("model.safetensors")] == ["bytes=30000-"]


@pytest.mark.parametrize("name", ["model.safetensors", "config.json"])
def test_a_file_with_a_wrong_digest_is_refused_and_deleted(hub: Hub, tmp_path: Path, name: str) -> None:
    hub.lies[name] = "0" * (64 if name in hub.large else 40)
    with pytest.raises(CheckpointError, match=f"{name}: its digest is .*, but 0000.* is published"):
        fetch(NAME, REVISION, tmp_path)
    assert not list(tmp_path.rglob(name))


def test_a_file_that_changed_on_disk_is_downloaded_again(hub: Hub, tmp_path: Path) -> None:
    file = fetch(NAME, REVISION, tmp_path) / "model.safetensors"
    file.write_bytes(WEIGHTS[::-1])
    with pytest.raises(CheckpointError, match="run the command again"):
        fetch(NAME, REVISION, tmp_path)
    fetch(NAME, REVISION, tmp_path)
    assert file.read_bytes() == WEIGHTS


@pytest.mark.parametrize(
    ("name", "revision", "message"),
    [
        (NAME, "v2", "answers 404"),
        ("nobody/nothing", REVISION, "answers 404"),
        ("../etc", REVISION, "neither a folder"),
    ],
)
def test_a_missing_checkpoint_is_refused_with_a_one_line_message(
    hub: Hub, tmp_path: Path, name: str, revision: str, message: str
) -> None:
    with pytest.raises((UnavailableError, CheckpointError), match=message) as raised:
        fetch(name, revision, tmp_path)
    assert "\n" not in str(raised.value)
    assert not list(tmp_path.rglob("*.json"))


def test_an_offline_error_names_its_variable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    huggingface_hub.close_session()
    with pytest.raises(UnavailableError, match="HF_HUB_OFFLINE"):
        fetch(NAME, REVISION, tmp_path)
    huggingface_hub.close_session()


def test_a_hub_without_safetensors_is_refused_with_the_reason(hub: Hub, tmp_path: Path) -> None:
    hub.files = {"config.json": b"{}", "pytorch_model.bin": b"a pickle"}
    with pytest.raises(CheckpointError, match="a pickle is not read, because reading it can run any code"):
        fetch(NAME, REVISION, tmp_path)


def test_the_hubs_telemetry_is_off() -> None:
    code = "import edge_router.conversion.hub, huggingface_hub.constants as at; print(at.HF_HUB_DISABLE_TELEMETRY)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "True\n"
