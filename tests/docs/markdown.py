"""The repository's documents, taken apart: headings, links, tables, code."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TypeAlias

ROOT = Path(__file__).parents[2]
Row: TypeAlias = Sequence[str]

_HEADING = re.compile(r"#{1,6} (.+)")
_LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
_SPAN = re.compile(r"`([^`]+)`")
_BAR = re.compile(r"(?<!\\)\|")
_RULE = re.compile(r":?-+:?")


@dataclass(frozen=True)
class Block:
    """A block of code. `language`: that of its fence, "" for an indented block. `line`: its first line, from 1."""

    language: str
    line: int
    text: str


@dataclass(frozen=True)
class Document:
    path: Path
    text: str

    def __str__(self) -> str:
        return str(self.path.relative_to(ROOT))

    @cached_property
    def blocks(self) -> Sequence[Block]:
        return list(_blocks(self.text.splitlines()))

    @cached_property
    def prose(self) -> str:
        """The lines that are not in a block of code; the others are empty."""
        lines = self.text.splitlines()
        for block in self.blocks:
            fences = 1 if block.language else 0
            count = len(block.text.splitlines())
            for at in range(block.line - 1 - fences, block.line - 1 + count + fences):
                lines[at] = ""
        return "\n".join(lines)

    @property
    def headings(self) -> Sequence[str]:
        return [found[1] for line in self.prose.splitlines() if (found := _HEADING.fullmatch(line))]

    @property
    def anchors(self) -> frozenset[str]:
        """The anchors that GitHub gives the headings."""
        return frozenset(re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in self.headings)

    @property
    def links(self) -> Sequence[str]:
        return _LINK.findall(self.prose)

    @property
    def code(self) -> Sequence[str]:
        """Spans of code in the prose."""
        return _SPAN.findall(self.prose)

    @property
    def tables(self) -> Sequence[Sequence[Row]]:
        """Each table's rows of cells; the second row is the rule below the head."""
        found: list[list[Row]] = [[]]
        for line in [*self.prose.splitlines(), ""]:
            if line.startswith("|"):
                found[-1].append([cell.strip() for cell in _BAR.split(line.strip())[1:-1]])
            elif found[-1]:
                found.append([])
        return found[:-1]


def is_rule(row: Row) -> bool:
    return all(_RULE.fullmatch(cell) for cell in row)


def _blocks(lines: Sequence[str]) -> Iterator[Block]:
    at = 0
    while at < len(lines):
        end = at
        if lines[at].startswith("```"):
            end = lines.index("```", at + 1)
            yield Block(lines[at][3:] or "text", at + 2, "\n".join(lines[at + 1 : end]))
        elif lines[at].startswith("    ") and (at == 0 or not lines[at - 1]):
            while end < len(lines) and (lines[end].startswith("    ") or not lines[end]):
                end += 1
            yield Block("", at + 1, "\n".join(line[4:] for line in lines[at:end]).rstrip())
            end -= 1
        at = end + 1


DOCUMENTS = [
    Document(path, path.read_text())
    for path in sorted(ROOT.rglob("*.md"))
    if not any(part.startswith(".") for part in path.relative_to(ROOT).parts)
]
