"""Writes a trained network and its data as a version of the repository's models."""

import json
import shutil
from collections.abc import Mapping
from pathlib import Path

from tokenizers import Tokenizer

from edge_router.contract import DECISION_FILE, LABELS_FILE, TEXT_FILE, TOKENIZER_FILE
from edge_router.errors import ConfigError
from edge_router.repository import Repository
from edge_router.repository.policies import policies
from edge_router.repository.report import Report, checksums
from edge_router.stages.decide import CONFIDENCE
from edge_router.training.fit import LOGIT_OF_NONE
from edge_router.training.network import base_folder
from edge_router.training.recipe import Recipe

VERSION = 1
TEXT_FOLDER = "text"
NETWORK_FOLDER = "network"


def tokenizer(recipe: Recipe) -> Tokenizer:
    """The pretrained encoder's tokenizer, without truncation and padding, which the stage does."""
    loaded = Tokenizer.from_file(str(base_folder(recipe) / TOKENIZER_FILE))
    loaded.no_padding()
    loaded.no_truncation()
    return loaded


def write(built: Path, recipe: Recipe, temperatures: Mapping[str, float]) -> None:
    """Writes all of a version but the network into `built`: the tokenizer into `text`, and decision rules and labels
    into a folder for each policy. `temperatures`: by policy."""
    text = _folder(built, TEXT_FOLDER)
    tokenizer(recipe).save(str(text / TOKENIZER_FILE))
    (text / TEXT_FILE).write_text(json.dumps({"max_tokens": recipe.max_tokens}) + "\n")
    heads = [
        {
            "name": policy,
            "size": len(head.labels),
            "temperature": temperatures[policy],
            **({} if head.none_weight is None else {"none": LOGIT_OF_NONE}),
        }
        for policy, head in recipe.heads.items()
    ]
    for policy, head in recipe.heads.items():
        rules = {
            "heads": heads,
            "classes": [{"label": label, "head": policy, "index": index} for index, label in enumerate(head.labels)],
            "score": head.score or CONFIDENCE,
        }
        folder = _folder(built, policy)
        (folder / DECISION_FILE).write_text(json.dumps(rules, indent=1) + "\n")
        (folder / LABELS_FILE).write_text("".join(f"{label}\n" for label in head.labels))


def enter(built: Path, recipe: Recipe, repository: Repository) -> None:
    """Copies the files in `built` into the version folders of the policies' models."""
    found = policies(repository)
    for name in recipe.heads:
        policy = found[name]
        for part, model in zip((TEXT_FOLDER, NETWORK_FOLDER, name), policy.models, strict=True):
            shutil.copytree(built / part, repository.version_folder(model, VERSION), dirs_exist_ok=True)


def check(recipe: Recipe, repository: Repository) -> None:
    """Raises ConfigError when the recipe has a head for a policy that the repository does not have."""
    known = policies(repository)
    for name in recipe.heads:
        if name not in known:
            raise ConfigError(f"heads.{name} of the recipe: the policies of {repository.path} are {', '.join(known)}")


def report(recipe: Recipe, repository: Repository, agreement: Mapping[str, float], prompts: int) -> None:
    """Writes the version's report, after all of its files. `agreement`: of int8 with fp32 on `prompts` prompts, by
    policy."""
    found = Report(
        format="int8",
        figures=[{"format": "int8", "agreement": agreement, "prompts": prompts}],
        files=checksums(repository.path, VERSION),
        source={"name": recipe.base},
    )
    known = policies(repository)
    for network in dict.fromkeys(known[name].network for name in recipe.heads):
        found.write(repository.version_folder(network, VERSION))


def _folder(built: Path, name: str) -> Path:
    folder = built / name
    folder.mkdir(parents=True, exist_ok=True)
    return folder
