"""Makes batches of padded token ids and targets from examples, grouped by length."""

import random
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from edge_router.stages.tokenize import Tokenize
from edge_router.training.augment import noisy, thinned
from edge_router.training.data import Example
from edge_router.training.recipe import Recipe

NONE = -1
"""Target of a row that has no label of the head."""


class Batch(NamedTuple):
    """A batch for the network."""

    ids: Tensor  # INT64 [rows, tokens]
    mask: Tensor  # INT64 [rows, tokens]
    targets: Tensor  # INT64 [rows, heads]; NONE = no label


class Encoded(NamedTuple):
    """A prompt as token ids, with the target of each head."""

    ids: list[int]
    targets: list[int]


def encode_noisy(examples: Sequence[Example], tokenize: Tokenize, recipe: Recipe, epoch: int) -> list[Encoded]:
    chance = random.Random(recipe.seed * 2000 + epoch)
    return [
        Encoded(thinned(tokenize.ids(noisy(example.prompt, recipe, chance)), recipe, chance), targets(example, recipe))
        for example in examples
    ]


def targets(example: Example, recipe: Recipe) -> list[int]:
    """The index of the example's label for each head. Raises ValueError for an unknown label."""
    return [
        NONE if (label := example.label(policy)) is None else head.labels.index(label)
        for policy, head in recipe.heads.items()
    ]


def batches(rows: Sequence[Encoded], size: int, seed: int) -> Iterator[Batch]:
    """Batches in random order; the rows of a batch have similar lengths, so that there is little padding."""
    chance = random.Random(seed)
    order = list(range(len(rows)))
    chance.shuffle(order)
    pool = size * 50
    for start in range(0, len(order), pool):
        order[start : start + pool] = sorted(order[start : start + pool], key=lambda at: len(rows[at].ids))
    groups = [order[start : start + size] for start in range(0, len(order), size)]
    chance.shuffle(groups)
    for group in groups:
        yield collate([rows[at] for at in group])


def collate(rows: Sequence[Encoded]) -> Batch:
    longest = max(len(row.ids) for row in rows)
    ids = torch.zeros(len(rows), longest, dtype=torch.long)
    mask = torch.zeros_like(ids)
    for at, row in enumerate(rows):
        ids[at, : len(row.ids)] = torch.tensor(row.ids)
        mask[at, : len(row.ids)] = 1
    return Batch(ids, mask, torch.tensor([row.targets for row in rows]))
