"""Labels are spelled as in the repository's labels.txt, in documents, configurations, data and tests alike."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.command import edge_router

ROOT = Path(__file__).parents[2]
SUFFIXES = {".md", ".py", ".yaml", ".json", ".jsonl", ".pbtxt", ".txt"}
FOLDERS = (
    "benchmarks",
    "compose",
    "docs",
    "edge_router",
    "model_repository",
    "overrides",
    "scripts",
    "tests",
    "training",
)

LABELS = {
    label for file in (ROOT / "model_repository").glob("*/*/labels.txt") for label in file.read_text().splitlines()
}


def parts(label: str) -> list[str]:
    return re.split("[ -]", label)


LONG = sorted(label for label in LABELS if len(parts(label)) > 1)
"""The labels of several words, which can be spelled in several ways."""


def texts() -> Iterator[Path]:
    yield from ROOT.glob("*.md")
    for file in (file for folder in FOLDERS for file in sorted((ROOT / folder).rglob("*"))):
        if file.suffix in SUFFIXES and file.is_file() and file != Path(__file__):
            yield file


def misspelt(label: str, text: str) -> set[str]:
    """The misspellings of a label in a text: other capitals or other signs between the words. Words in lower case count
    as prose, words joined by `_` as names of heads."""
    pattern = "[ -]?".join(parts(label))
    found = re.findall(rf"\b{pattern}\b", text, re.IGNORECASE)
    return {each for each in found if each != label and each[0].isupper() and not each.isupper()}


def test_labels_of_several_words_are_spelled_as_in_the_repository() -> None:
    wrong = set[tuple[str, str]]()
    for file in texts():
        text = file.read_text()
        wrong |= {(str(file.relative_to(ROOT)), found) for label in LONG for found in misspelt(label, text)}
    assert wrong == set()


@pytest.mark.parametrize("file", sorted((ROOT / "compose").glob("routes*.yaml")), ids=lambda file: file.name)
def test_the_labels_of_a_shipped_routes_file_are_the_repositorys(file: Path) -> None:
    done = edge_router("check", str(file), "--repository", str(ROOT / "model_repository"), EXAMPLE_API_KEY="secret")
    assert done.returncode == 0, done.stdout + done.stderr


def test_misspellings_are_found() -> None:
    text = "Code generation, CodeGeneration, code generation, Code Generation, Code-Generation, code_generation"
    assert misspelt("Code Generation", text) == {"Code generation", "CodeGeneration", "Code-Generation"}
    assert misspelt("Few-Shot", "Few Shot, Few-Shot, few-shot, FEW_SHOT") == {"Few Shot"}
