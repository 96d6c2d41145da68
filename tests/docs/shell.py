"""The shell commands of the documents, and what is checked of each without running it."""

import importlib.util
import json
import os
import re
import shlex
import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, TypeAlias
from urllib.parse import urlsplit

import typer
import yaml

from edge_router.cli import application
from tests.docs.markdown import DOCUMENTS, ROOT, Document

Words: TypeAlias = Sequence[str]

SHELL = ("bash", "sh", "console")
_ASSIGNMENT = re.compile(r"[A-Z_]+=\S*")
_FIRST_WORD = re.compile(r"(sudo )?(docker|curl|git|pip|python3?|source|\.venv/bin/\S+|scripts/\S+|edge-router)( |$)")


@dataclass(frozen=True)
class Command:
    """`words` without `sudo`, settings before the command, and comment. `line`: in the document, from 1."""

    document: Document
    line: int
    words: Words

    def __str__(self) -> str:
        return f"{self.document}:{self.line} {shlex.join(self.words)}"


def words(line: str) -> Words:
    found = shlex.split(line, comments=True)
    while found and (found[0] == "sudo" or _ASSIGNMENT.fullmatch(found[0])):
        del found[0]
    return found


def _commands(document: Document) -> Iterator[Command]:
    for block in document.blocks:
        for number, line in enumerate(block.text.splitlines(), block.line):
            is_command = block.language in SHELL or (block.language == "" and _FIRST_WORD.match(line))
            if is_command and (found := words(line)):
                yield Command(document, number, found)


COMMANDS = [command for document in DOCUMENTS for command in _commands(document)]
MENTIONS = [
    Command(document, document.text[: document.text.index(f"`{code}`")].count("\n") + 1, words(code))
    for document in DOCUMENTS
    for code in document.code
    if _FIRST_WORD.match(code)
]
"""Commands in running text, which may leave arguments out."""


def check(command: Command, *, whole: bool = True) -> None:
    """Raises AssertionError where the command cannot work. `whole`: no argument is left out."""
    program = Path(command.words[0]).name
    if len(command.words) == 1 and not whole:
        return
    if command.words[0].startswith("scripts/"):
        _script(command.words)
    elif program == "edge-router":
        edge_router(command.words[1:], whole=whole)
    else:
        assert program in PROGRAMS, f"{command}: tests/docs/shell.py does not know {program}"
        PROGRAMS[program](command.words)


def edge_router(arguments: Words, *, whole: bool) -> None:
    """Parses the arguments as the command does, and runs nothing."""
    command: Any = typer.main.get_command(application)
    context = command.context_class(command, info_name="edge-router")
    given = list(arguments)
    while given and hasattr(command, "commands") and not given[0].startswith("-"):
        if given[0].isupper() and not whole:  # a placeholder
            return
        for name in given[0].split("|"):
            found = command.get_command(context, name)
            assert found is not None, f"edge-router has no command {name!r} in {shlex.join(arguments)!r}"
        command, context = found, found.context_class(found, parent=context, info_name=given[0])
        del given[0]
    if whole:
        try:
            command.make_context(command.name, given, parent=context.parent)
        except typer.Exit:  # --help, --version
            pass
        except Exception as error:
            raise AssertionError(f"edge-router {shlex.join(arguments)}: {error}") from error
    else:
        options = {"--help"} | {option for parameter in command.params for option in parameter.opts}
        for word in given:
            assert not word.startswith("-") or word in options, f"edge-router {shlex.join(arguments)}: no option {word}"


def _script(words: Words) -> None:
    file = ROOT / words[0]
    assert file.is_file(), f"{words[0]} is missing"
    assert os.access(file, os.X_OK), f"{words[0]} cannot be executed"


class _Compose(yaml.SafeLoader):
    """Reads `!override` and `!reset`, Compose's own tags, as nothing."""


_Compose.add_multi_constructor("!", lambda *_: None)


def _docker(words: Words) -> None:
    """`docker compose -f FILE ... VERB OPTION ... SERVICE ...`: files and services exist."""
    if words[1] != "compose":
        return
    rest, services, verb = list(words[2:]), set[str](), ""
    while rest:
        word = rest.pop(0)
        if word == "-f":
            file = ROOT / rest.pop(0)
            assert file.is_file(), f"{shlex.join(words)}: no file {file}"
            services |= yaml.load(file.read_text(), _Compose).get("services", {}).keys()
        elif not verb and not word.startswith("-"):
            verb = word
        elif verb in ("up", "run", "restart", "exec") and not word.startswith("-") and services:
            assert word in services, f"{shlex.join(words)}: no service {word}"
            rest = rest if verb == "up" else []


def _curl(words: Words) -> None:
    [url] = [word for word in words if word.startswith("http")]
    address = urlsplit(url)
    assert address.netloc in ("127.0.0.1:8084", "127.0.0.1:8000"), url
    for option, value in pairwise(words):
        if option == "-d":
            json.loads(value)


def _python(words: Words) -> None:
    if words[1] == "-m":
        assert importlib.util.find_spec(words[2]), f"no module {words[2]}"
    else:
        assert (ROOT / words[1]).is_file(), f"no file {words[1]}"


def _pip(words: Words) -> None:
    """Extras of this package exist."""
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    for word in words[2:]:
        if found := re.fullmatch(r"(?:\.|edge-llm-router)\[(.+)\]", word):
            assert set(found[1].split(",")) <= extras.keys(), word


def _copy(words: Words) -> None:
    assert (ROOT / words[1]).is_file(), f"no file {words[1]}"


def _nothing(_: Words) -> None:
    """A program of the system."""


PROGRAMS: Mapping[str, Callable[[Words], None]] = {
    "docker": _docker,
    "curl": _curl,
    "python": _python,
    "python3": _python,
    "pip": _pip,
    "cp": _copy,
    "git": _nothing,
    "ollama": _nothing,
    "source": _nothing,
    "systemctl": _nothing,
}
