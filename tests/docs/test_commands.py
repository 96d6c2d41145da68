"""The commands of the documents: each can be parsed, and those that end by themselves are run."""

import re
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.docs.markdown import DOCUMENTS, ROOT, Document
from tests.docs.shell import COMMANDS, MENTIONS, Command, check
from tests.support.command import edge_router

ENDLESS = ("up", "serve")
LONG = ("train", "import", "retrace", "evaluate", "bench", "reload")
"""Take minutes, a checkpoint, or a running server."""


@pytest.mark.parametrize("command", COMMANDS, ids=str)
def test_a_command_can_be_given_as_it_stands(command: Command) -> None:
    check(command)


@pytest.mark.parametrize("command", MENTIONS, ids=str)
def test_a_command_in_the_text_exists_with_its_options(command: Command) -> None:
    check(command, whole=False)


def _runs(document: Document) -> Sequence[Command]:
    """Commands of `edge-router` in the document that end by themselves."""
    found = [each for each in COMMANDS if each.document is document and Path(each.words[0]).name == "edge-router"]
    return [each for each in found if not {*ENDLESS, *LONG} & set(each.words[1:3])]


@pytest.mark.parametrize("document", [each for each in DOCUMENTS if _runs(each)], ids=str)
def test_the_commands_of_a_document_work_one_after_the_other(
    document: Document, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a folder with the repository and the first `routes.yaml` of docs/configure.md."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "model_repository").symlink_to(ROOT / "model_repository")
    (tmp_path / "overrides").symlink_to(ROOT / "overrides")
    [configure] = [each for each in DOCUMENTS if each.path.name == "configure.md"]
    routes = next(block.text for block in configure.blocks if block.language == "yaml")
    (tmp_path / "routes.yaml").write_text(routes)
    for command in _runs(document):
        done = edge_router(*command.words[1:])
        # `doctor` ends with 1 where it finds something to mend.
        allowed = (0, 1) if command.words[1] == "doctor" else (0,)
        assert done.returncode in allowed, f"{command}: {done.stderr}{done.stdout}"


SCRIPTS = [path for path in sorted((ROOT / "scripts").iterdir()) if path.is_file()]


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.name)
def test_a_script_names_files_that_exist(script: Path) -> None:
    for name in re.findall(
        r"\b(?<![$/{}.*])(?:compose|docs|requirements|tests)/[\w./-]+\b(?![\[*$])", script.read_text()
    ):
        assert (ROOT / name).exists(), f"scripts/{script.name}: no file or folder {name}"


def test_the_tests_that_the_oldest_versions_leave_out_exist() -> None:
    [expression] = re.findall(r"-k '([^']+)'", (ROOT / "scripts" / "oldest").read_text())
    tests = [path for path in (ROOT / "tests").rglob("test_*.py") if path != Path(__file__)]
    present = "\n".join(f"{path.name} {path.read_text()}" for path in tests)
    for name in set(re.findall(r"\w+", expression)) - {"and", "not"}:
        assert name in present, f"scripts/oldest: no test {name}"


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.name)
def test_a_script_can_be_parsed(script: Path) -> None:
    first = script.read_text().partition("\n")[0]
    if "bash" in first:
        done = subprocess.run(["bash", "-n", script], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
    elif script.suffix == ".py":
        compile(script.read_text(), script, "exec")
    else:
        assert script.name == "README.md"


def test_an_unknown_command_option_or_file_is_found() -> None:
    document = DOCUMENTS[0]
    for wrong in (
        "edge-router rollback",
        "edge-router models pin",
        "edge-router check --nothing routes.yaml",
        "edge-router keys list --key keys.yaml",
        "scripts/nothing",
        "docker compose -f compose/nothing.yaml up",
        "docker compose -f compose/docker-compose.yaml up nothing",
        "curl http://127.0.0.1:8084/v1/route -d {",
        "python -m benchmarks.nothing",
        "pip install .[nothing]",
        "nothing",
    ):
        with pytest.raises((AssertionError, ValueError)):
            check(Command(document, 1, wrong.split()))
