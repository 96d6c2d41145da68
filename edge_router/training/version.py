"""A network and its data as a version of the repository's models."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from tokenizers import Tokenizer

from edge_router.contract import (
    COMPLEXITY_ROUTER,
    DECISION_FILE,
    LABELS_FILE,
    TASK_ROUTER,
    TOKENIZER_FILE,
    postprocessing,
    preprocessing,
)
from edge_router.training.fit import LOGIT_OF_NONE
from edge_router.training.network import base_folder
from edge_router.training.recipe import Recipe

VERSION = 1


def tokenizer(recipe: Recipe) -> Tokenizer:
    """The pretrained encoder's own, bounded by the recipe; shorter prompts are not padded."""
    found = Tokenizer.from_file(str(base_folder(recipe) / TOKENIZER_FILE))
    found.no_padding()
    found.enable_truncation(recipe.max_tokens)
    return found


def network_folder(repository: Path) -> Path:
    return _folder(repository, TASK_ROUTER)


def write(
    repository: Path, recipe: Recipe, labels: Mapping[str, Sequence[str]], temperatures: Mapping[str, float]
) -> None:
    """Everything of a version but the network: tokenizer, decision rules, label files. `labels`, `temperatures`: by
    policy."""
    tokenizer(recipe).save(str(_folder(repository, preprocessing(TASK_ROUTER)) / TOKENIZER_FILE))
    heads = [
        {"name": policy, "size": len(names), "temperature": temperatures[policy]} for policy, names in labels.items()
    ]
    for head in heads:
        if head["name"] == COMPLEXITY_ROUTER:
            head["none"] = LOGIT_OF_NONE
    for policy, names in labels.items():
        rules = {
            "heads": heads,
            "classes": [{"label": label, "head": policy, "index": index} for index, label in enumerate(names)],
            "score": recipe.score if policy == COMPLEXITY_ROUTER else "confidence",
        }
        folder = _folder(repository, postprocessing(policy))
        (folder / DECISION_FILE).write_text(json.dumps(rules, indent=1) + "\n")
        (folder.parent / LABELS_FILE).write_text("".join(f"{label}\n" for label in names))


def _folder(repository: Path, model: str) -> Path:
    folder = repository / model / str(VERSION)
    folder.mkdir(parents=True, exist_ok=True)
    return folder
