"""Links, tables and names of files in the documents."""

import re
import tomllib
from pathlib import Path

import pytest

from tests.docs.markdown import DOCUMENTS, ROOT, Document, is_rule

each_document = pytest.mark.parametrize("document", DOCUMENTS, ids=str)
BY_NAME = {document.path: document for document in DOCUMENTS}
PLACEHOLDER = re.compile(r"<\w+>|\bN\b")
FILE = re.compile(r"[\w.<>*-]+/([\w./<>*-]*(/|\.(md|py|ya?ml|toml|pbtxt|txt|jsonl?|npz|onnx|sh|service))|)")
LAYER_FILE = re.compile(r"docker-compose\.[\w-]+\.yaml")


@each_document
def test_every_link_leads_somewhere(document: Document) -> None:
    for link in document.links:
        if "://" in link:
            continue
        name, _, anchor = link.partition("#")
        file = (document.path.parent / name).resolve() if name else document.path
        assert file.exists(), f"{document}: no file at {link}"
        if anchor:
            assert anchor in BY_NAME[file].anchors, f"{document}: no heading for {link}"


@each_document
def test_every_table_has_a_head_a_rule_and_rows_of_one_length(document: Document) -> None:
    for table in document.tables:
        assert len(table) > 2, f"{document}: {table[0]}: a table without rows"
        assert is_rule(table[1]), f"{document}: {table[0]}: no rule below the head"
        for row in table:
            assert len(row) == len(table[0]), f"{document}: {row}: {len(row)} cells, the head has {len(table[0])}"


@each_document
def test_every_file_that_is_named_exists(document: Document) -> None:
    folders = {path.name for path in ROOT.iterdir() if path.is_dir() and not path.name.startswith(".")}
    for code in document.code:
        if LAYER_FILE.fullmatch(code):
            assert (ROOT / "compose" / code).exists(), f"{document}: no compose/{code}"
        elif FILE.fullmatch(code) or (re.fullmatch(r"[\w./<>*-]+", code) and code.partition("/")[0] in folders):
            pattern = PLACEHOLDER.sub("*", code).rstrip("/")
            places = [ROOT, document.path.parent, ROOT / "model_repository"]
            assert any(any(place.glob(pattern)) for place in places), f"{document}: no file or folder {code}"


@each_document
def test_every_tree_shows_what_is_there(document: Document) -> None:
    for block in document.blocks:
        names = re.findall(r"^([\w.-]+)/  ", block.text, re.MULTILINE)
        for name in names:
            assert (document.path.parent / name).is_dir(), f"{document}, line {block.line}: no folder {name}"


def _rows(document: Path, column: str) -> list[str]:
    """The spans of code in the first column of the table with that head."""
    [table] = [table for table in BY_NAME[document].tables if table[0][0] == column]
    return [name for row in table[2:] for name in re.findall(r"`([^`]+)`", row[0])]


def test_the_table_of_scripts_has_each_script() -> None:
    scripts = {path.name for path in (ROOT / "scripts").iterdir() if path.is_file() and path.suffix != ".md"}
    assert set(_rows(ROOT / "scripts" / "README.md", "script")) == scripts


def test_the_table_of_layers_has_each_compose_file() -> None:
    files = {path.name for path in (ROOT / "compose").glob("docker-compose.*.yaml")}
    [table] = [table for table in BY_NAME[ROOT / "compose" / "README.md"].tables if "file" in table[0]]
    named = {name for row in table[2:] for cell in row for name in LAYER_FILE.findall(cell)}
    assert files - named <= {"docker-compose.retrace.yaml"}, "compose/README.md: not in the table of layers"


def test_the_table_of_packages_has_the_order_that_is_checked() -> None:
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    floors = [re.split(r" [|:] ", layer) for layer in contracts[0]["layers"]]
    [table] = [table for table in BY_NAME[ROOT / "CONTRIBUTING.md"].tables if table[0][0] == "packages"]
    named = [re.findall(r"`([^`]+)`", row[0]) for row in table[2:]]
    assert [sorted(floor) for floor in named] == [sorted(floor) for floor in floors]
