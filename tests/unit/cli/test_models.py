"""`edge-router models` as a process, with a copy of the repository."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from edge_router.contract import COMPLEXITY_ROUTER, TASK_ROUTER, postprocessing
from edge_router.repository import Repository, pins
from scripts.make_checkpoint import make
from tests.support.command import edge_router
from tests.support.hub import COMMIT, NAME, REVISION, Hub, serving
from tests.support.shipped import POLICIES
from tests.support.versions import ROOT, two_versions

LENIENT = ("--gate-prompts", "40", "--agreement", "0.5", "--delta", "0.5")


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    return two_versions(tmp_path)


def models(repository: Path, *arguments: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    return edge_router("models", *arguments, EDGE_ROUTER_MODEL_REPOSITORY=str(repository), **environment)


def pinned(repository: Path) -> list[int]:
    return list(pins.read(Repository(repository)).values())


def test_a_version_is_pinned_for_one_policy_and_rolled_back(repository: Path) -> None:
    done = models(repository, "pin", "2", "--policy", COMPLEXITY_ROUTER)
    assert (done.returncode, done.stderr) == (0, "")
    assert "complexity_router runs version 2" in done.stdout
    assert pinned(repository) == [1, 2]
    assert models(repository, "rollback", "--policy", COMPLEXITY_ROUTER).returncode == 0
    assert pinned(repository) == [1, 1]
    assert "versions: [ 1 ]" in (repository.parent / "overrides/cpu/task_router/config.pbtxt").read_text()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["pin", "7"], "has no version 7; it has 1, 2"),
        (["rollback"], "has no version below 1"),
        (["diff", "1", "7"], "no version 7; it has 1, 2"),
        (["pin", "2", "--overrides", "/nowhere"], "--overrides: no folder at /nowhere"),
        (["import", "somebody/checkpoint"], "add --revision"),
        (["import", "/nowhere/at/all", "--revision", "v1"], "neither a folder on this machine nor ORGANISATION/NAME"),
        (["import", str(ROOT)], "config.json"),
    ],
)
def test_an_error_is_one_line_and_changes_nothing(repository: Path, arguments: list[str], message: str) -> None:
    done = models(repository, *arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert message in done.stderr
    assert done.stderr.startswith("edge-router: ")
    assert "Traceback" not in done.stderr
    assert pinned(repository) == [1, 1]


def test_a_version_that_cannot_be_loaded_is_not_pinned(repository: Path) -> None:
    (repository / postprocessing(TASK_ROUTER) / "2" / "decision.json").write_text("{}")
    done = models(repository, "pin", "2")
    assert done.returncode == 2
    assert "'heads' is missing" in done.stderr
    assert pinned(repository) == [1, 1]


def test_verify_lists_the_errors_and_exits_with_1(repository: Path) -> None:
    assert models(repository, "verify").returncode == 0
    shutil.copy(repository / TASK_ROUTER / "config.pbtxt", repository / "kept")
    models(repository, "pin", "2")
    (repository / "kept").rename(repository / TASK_ROUTER / "config.pbtxt")
    done = models(repository, "verify", "--json")
    assert done.returncode == 1
    [mixed, unserved] = json.loads(done.stdout)
    assert "repair it with: edge-router models pin VERSION" in mixed
    assert "no version 2" in unserved


def test_diff_compares_the_sources_and_decisions_of_versions(repository: Path, tmp_path: Path) -> None:
    file = repository / postprocessing(TASK_ROUTER) / "2" / "decision.json"
    rules = json.loads(file.read_text())
    for item, label in zip(rules["classes"], [item["label"] for item in rules["classes"]][::-1], strict=True):
        item["label"] = label
    file.write_text(json.dumps(rules))
    (file.parent / "labels.txt").write_text("".join(f"{item['label']}\n" for item in rules["classes"]))
    prompts = tmp_path / "prompts.jsonl"
    prompts.write_text('{"prompt": "Write a Python function."}\n{"prompt": "hi there, how are you?"}\n')
    found = json.loads(models(repository, "diff", "1", "2", "--prompts", str(prompts), "--json").stdout)
    assert {"task_router: labels", "task_router: decision.json"} <= set(found["differs"])
    assert "task_router: heads" not in found["differs"]
    assert found["decisions"] == {
        TASK_ROUTER: {"differ": 2, "prompts": 2},
        COMPLEXITY_ROUTER: {"differ": 0, "prompts": 2},
    }
    assert pinned(repository) == [1, 1]


def test_a_checkpoint_is_imported_listed_and_verified(repository: Path, tmp_path: Path) -> None:
    make(tmp_path / "checkpoint")
    given = [str(tmp_path / "checkpoint"), *LENIENT]
    made = json.loads(models(repository, "import", *given, "--json").stdout)
    assert (made["version"], made["report"]["format"]) == (3, "int8")
    assert pinned(repository) == [3] * len(POLICIES)
    rows = {row["model"]: row for row in json.loads(models(repository, "list", "--json").stdout)}
    assert rows[TASK_ROUTER]["networks"]["3"]["agreement"].keys() >= {"task_type", "reasoning"}
    assert models(repository, "verify").returncode == 0


def test_a_published_checkpoint_is_downloaded_once_and_imported_by_revision(repository: Path, tmp_path: Path) -> None:
    make(tmp_path / "checkpoint")
    files = {file.name: file.read_bytes() for file in (tmp_path / "checkpoint").iterdir()}
    environment = {"XDG_CACHE_HOME": str(tmp_path / "cache")}
    given = ("import", NAME, "--revision", REVISION, *LENIENT)
    with serving(Hub(files, large=frozenset({"model.safetensors"}))) as hub:
        made = models(repository, *given, "--json", **environment, HF_ENDPOINT=hub.url)
    assert json.loads(made.stdout)["report"]["source"]["revision"] == COMMIT
    again = models(repository, *given, "--dry-run", **environment, HF_HUB_OFFLINE="1")
    assert "version 4 (int8," in again.stdout
    assert "would be written" in again.stdout
    assert pinned(repository) == [3, 3]
