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
    TEXT_FILE,
    TOKENIZER_FILE,
    postprocessing,
    preprocessing,
)
from edge_router.repository.report import Report, checksums
from edge_router.training.fit import LOGIT_OF_NONE
from edge_router.training.network import base_folder
from edge_router.training.recipe import Recipe

VERSION = 1


def tokenizer(recipe: Recipe) -> Tokenizer:
    """The pretrained encoder's own, neither bounded nor padded: the stage does that."""
    found = Tokenizer.from_file(str(base_folder(recipe) / TOKENIZER_FILE))
    found.no_padding()
    found.no_truncation()
    return found


def network_folder(repository: Path) -> Path:
    return _folder(repository, TASK_ROUTER)


def write(
    repository: Path, recipe: Recipe, labels: Mapping[str, Sequence[str]], temperatures: Mapping[str, float]
) -> None:
    """Everything of a version but the network: tokenizer, decision rules, label files. `labels`, `temperatures`: by
    policy."""
    text = _folder(repository, preprocessing(TASK_ROUTER))
    tokenizer(recipe).save(str(text / TOKENIZER_FILE))
    (text / TEXT_FILE).write_text(json.dumps({"max_tokens": recipe.max_tokens}) + "\n")
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
        (folder / LABELS_FILE).write_text("".join(f"{label}\n" for label in names))


def report(repository: Path, recipe: Recipe, agreement: Mapping[str, float], prompts: int) -> None:
    """Once every file is there. `agreement`: of int8 with fp32 on `prompts` prompts, by policy."""
    Report(
        format="int8",
        figures=[{"format": "int8", "agreement": agreement, "prompts": prompts}],
        files=checksums(repository, VERSION),
        source={"name": recipe.base},
    ).write(repository, VERSION)


def _folder(repository: Path, model: str) -> Path:
    folder = repository / model / str(VERSION)
    folder.mkdir(parents=True, exist_ok=True)
    return folder
