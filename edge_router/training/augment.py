"""Data augmentation: removes or changes punctuation, layout, template words and letters of training prompts."""

import random
import re
from collections.abc import Callable, Sequence
from typing import TypeAlias

from edge_router.training.recipe import Recipe

Kind: TypeAlias = Callable[[str, random.Random], str]

MARKERS = re.compile(
    r"(?im)^\s*(?:text|passage|context|question|q|answer|a|input|output|instructions?|task|sentence|article|document|"
    r"paragraph|review|abstract|title|dialogue|conversation|tweet|message|utterance|note|bio)\s*[:\-]\s*"
)
FENCES = re.compile(r'"""|\'\'\'|```|###|---+|===+|</?\w{1,12}>')


def without_markers(text: str, chance: random.Random) -> str:
    return MARKERS.sub("", text)


def without_fences(text: str, chance: random.Random) -> str:
    return FENCES.sub(" ", text)


def without_punctuation(text: str, chance: random.Random) -> str:
    return re.sub(r"[^\w\s]", chance.choice(["", " "]), text)


def without_end_mark(text: str, chance: random.Random) -> str:
    return text.rstrip(" .?!:\n")


def on_one_line(text: str, chance: random.Random) -> str:
    return " ".join(text.split())


def first_part_last(text: str, chance: random.Random) -> str:
    """Moves a short first line, often the instruction, behind the rest."""
    head, newline, tail = text.partition("\n")
    return f"{tail.strip()}\n{head.strip()}" if newline and tail.strip() and len(head) < 300 else text


def mistyped(text: str, chance: random.Random) -> str:
    letters = list(text)
    for _ in range(max(1, len(letters) // 60)):
        at = chance.randrange(max(1, len(letters) - 1))
        letters[at : at + 2] = reversed(letters[at : at + 2])
    return "".join(letters)


KINDS: Sequence[Kind] = (
    without_markers,
    without_fences,
    without_punctuation,
    without_end_mark,
    on_one_line,
    first_part_last,
    mistyped,
)


def noisy(text: str, recipe: Recipe, chance: random.Random) -> str:
    """Applies each kind of noise with the recipe's probability; the result is never empty."""
    for kind in KINDS:
        if chance.random() < recipe.noise:
            text = kind(text, chance).strip() or text
    return text


def thinned(ids: list[int], recipe: Recipe, chance: random.Random) -> list[int]:
    """Drops some token ids at random; the special tokens at both ends stay."""
    if recipe.token_drop == 0 or len(ids) < 8 or chance.random() < 0.5:
        return ids
    return [ids[0], *(token for token in ids[1:-1] if chance.random() >= recipe.token_drop), ids[-1]]
