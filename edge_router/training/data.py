"""Reads labelled prompts, splits them by source, and samples them for an epoch."""

import json
import random
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Self

from edge_router.contract import short_name
from edge_router.conversion.prompts import lines
from edge_router.errors import ConfigError
from edge_router.training.recipe import Recipe

NO_LABELS = frozenset(("prompt", "source"))


@dataclass(frozen=True)
class Example:
    """A labelled prompt. `labels`: by the policy's short name, such as `task`; None = no label applies."""

    prompt: str
    labels: Mapping[str, str | None]
    source: str = ""

    def label(self, policy: str) -> str | None:
        return self.labels.get(short_name(policy))


@dataclass(frozen=True)
class Corpus:
    """The labelled prompts for training and evaluation."""

    train: list[Example]
    dev: list[Example]

    @classmethod
    def read(cls, folder: Path) -> Self:
        """Reads `router_prompts_train`, `router_prompts_dev` and the project's own prompts in `authored/`."""
        train = read(folder / "router_prompts_train.jsonl.gz")
        for file in sorted(folder.glob("authored/*.jsonl")):
            train += read(file)
        return cls(train, read(folder / "router_prompts_dev.jsonl.gz"))


def read(file: Path) -> list[Example]:
    """Reads JSON lines: `prompt`, labels or null by the policies' short names (`task`, `complexity`, ...), and
    optionally `source`. A file that ends in .gz is decompressed. Raises ConfigError naming the line."""
    return [_example(file, number, line) for number, line in lines(file)]


def _example(file: Path, number: int, line: str) -> Example:
    try:
        row = json.loads(line)
        labels = {name: value for name, value in row.items() if name not in NO_LABELS and isinstance(value, str | None)}
        example = Example(row["prompt"], labels, row.get("source", ""))
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise ConfigError(f"{file}, line {number}: is not a JSON object with a prompt and labels: {error!r}") from error
    if not labels:
        raise ConfigError(
            f"{file}, line {number}: has no label; add one under its policy's short name: task, complexity"
        )
    return example


def split(examples: Iterable[Example], patterns: Sequence[str]) -> tuple[list[Example], list[Example]]:
    """Splits examples into (the rest, rows whose source matches a pattern). Derived rows (`constrained:NAME`,
    `fewshot-NAME`) count as their source."""
    kept: list[Example] = []
    held: list[Example] = []
    for example in examples:
        source = example.source.removeprefix("constrained:").removeprefix("fewshot-")
        (held if any(fnmatchcase(source, pattern) for pattern in patterns) else kept).append(example)
    return kept, held


def draw(examples: Sequence[Example], recipe: Recipe, epoch: int) -> list[Example]:
    """The rows of one epoch, sampled with a seed. The number of rows from each source is limited, more so for
    templates."""
    chance = random.Random(recipe.seed * 1000 + epoch)
    by_source: defaultdict[str, list[Example]] = defaultdict(list)
    for example in examples:
        by_source[example.source].append(example)
    drawn = []
    for source, rows in sorted(by_source.items()):
        limit = (
            recipe.rows_per_template_source
            if source.startswith(("template-", "synthetic-"))
            else recipe.rows_per_source
        )
        repeats = recipe.authored_repeats if source.startswith("authored-") else 1
        drawn += chance.sample(rows, min(limit, len(rows))) * repeats
    chance.shuffle(drawn)
    return drawn
