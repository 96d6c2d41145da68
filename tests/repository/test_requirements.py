"""The locked requirements hold what pyproject.toml asks for. scripts/lock writes them."""

import re
import tomllib
from collections.abc import Iterable
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
EXTRAS = PROJECT["optional-dependencies"]
ABSENT = {"oldest": {"torch"}}
"""Packages that a set leaves out: requirements/oldest.in says why."""


def required(dependencies: Iterable[str]) -> Iterable[Requirement]:
    """The dependencies, including those of this package's own extras."""
    for each in map(Requirement, dependencies):
        if each.name == PROJECT["name"]:
            for extra in each.extras:
                yield from required(EXTRAS[extra])
        else:
            yield each


@pytest.mark.parametrize(("locked", "extra"), [("app", None), ("test", "test"), ("train", "train"), ("oldest", "test")])
def test_each_dependency_is_locked_within_its_bounds(locked: str, extra: str | None) -> None:
    text = (ROOT / "requirements" / f"{locked}.txt").read_text()
    pins = re.findall(r"^([\w.-]+)(?:\[[\w,]+\])?==([^\s;]+)", text, re.MULTILINE)
    for each in required([*PROJECT["dependencies"], *(EXTRAS[extra] if extra else ())]):
        name = canonicalize_name(each.name)
        versions = [version for pinned, version in pins if canonicalize_name(pinned) == name]
        if name not in ABSENT.get(locked, set()):
            assert versions, f"requirements/{locked}.txt lacks {each}: run scripts/lock"
        for version in versions:
            assert each.specifier.contains(version), (
                f"requirements/{locked}.txt: {name} {version}, not {each}: run scripts/lock"
            )


def test_no_lock_names_an_index() -> None:
    for file in (ROOT / "requirements").iterdir():
        assert "://" not in file.read_text(), file.name
