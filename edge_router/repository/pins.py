"""The version that each policy runs, and every place in the config.pbtxt files where it stands.

Both policies share a tokenizer and a network, which the task router's models hold. A version is a number that stands in
all of them: `version_policy` of the models that have version folders, `label_filename` of a postprocessing,
`model_version` of the steps onto them. An ensemble's own version stays 1.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TypeAlias

from edge_router.contract import (
    LABELS_FILE,
    MODELS,
    POLICIES,
    PROMPT_ROUTER_ENSEMBLE,
    TASK_ROUTER,
    ensemble,
    postprocessing,
    preprocessing,
)
from edge_router.errors import NotFoundError, RepositoryError
from edge_router.repository import config
from edge_router.repository.ensemble_steps import scheduling
from edge_router.repository.pbtxt_edit import with_pins
from edge_router.repository.replacement import replace
from edge_router.repository.repository import CONFIG_FILE, LATEST, Repository
from edge_router.repository.schema import ModelConfig

Pins: TypeAlias = Mapping[str, int]
"""Version by policy."""


def members(policy: str) -> list[str]:
    """The models with a version folder that the policy runs, first to last."""
    return [preprocessing(TASK_ROUTER), TASK_ROUTER, postprocessing(policy)]


def has(repository: Repository, policy: str, version: int) -> bool:
    """Whether the version is whole for the policy."""
    return all(version in repository.version_folders(model) for model in members(policy))


def versions(repository: Repository) -> list[int]:
    """Every version of which there is a folder, oldest first."""
    held = {model for policy in POLICIES for model in members(policy)}
    return sorted({version for model in held for version in repository.version_folders(model)})


def read(repository: Repository) -> dict[str, int]:
    """What each policy's ensemble decides with. Raises RepositoryError when it is not built as the shipped one is."""
    return {policy: _read(repository, policy) for policy in POLICIES}


def moved(repository: Repository, pins: Pins) -> Repository:
    """The repository as it is once its pins have moved; nothing is written.

    Raises NotFoundError when a model lacks the version.
    """
    for policy, version in pins.items():
        for model in members(policy):
            if version not in (found := repository.version_folders(model)):
                raise NotFoundError(
                    f"{repository.path}: {model} has no version {version}; it has {', '.join(map(str, found))}"
                )
    return repository.reconfigured(
        {model: pinned(model, repository.config(model), pins) for model in MODELS if model in repository.models}
    )


def move(repository: Repository, layers: Sequence[Path], pins: Pins) -> list[Path]:
    """Pins every policy, in the repository and in `layers`, trees that replace its configurations. Returns the files
    that changed: all that had to or, when it raises, none.

    Raises NotFoundError when a model lacks the version, RepositoryError.
    """
    moved(repository, pins)
    found = changes(repository, layers, pins)
    replace(found)
    return list(dict.fromkeys(file for file, _ in found))


def changes(repository: Repository, layers: Sequence[Path], pins: Pins) -> list[tuple[Path, str]]:
    """New texts, in an order of which every beginning can be served: first both versions are served, then the
    ensembles change over, then the old version is left. Raises RepositoryError."""
    held = {model for policy in POLICIES for model in members(policy)}
    found = [(model, file, config.read(file)) for model, file in files(repository, layers)]
    wanted = [(file, before, pinned(model, before, pins), model in held) for model, file, before in found]
    order = [
        *((file, before, _both(before, after)) for file, before, after, holds in wanted if holds),
        *((file, before, after) for file, before, after, holds in wanted if not holds),
        *((file, before, after) for file, before, after, holds in wanted if holds),
    ]
    return [(file, with_pins(file, after, pins)) for file, before, after in order if after != before]


def files(repository: Repository, layers: Sequence[Path]) -> list[tuple[str, Path]]:
    """Every configuration in which a pin may stand, with its model."""
    candidates = [(model, tree / model / CONFIG_FILE) for tree in (repository.path, *layers) for model in MODELS]
    return [(model, file) for model, file in candidates if file.is_file()]


def pinned(model: str, before: ModelConfig, pins: Pins) -> ModelConfig:
    """The configuration with its pins where they belong. Raises RepositoryError when it is not built as the shipped
    one is."""
    after = ModelConfig()
    after.CopyFrom(before)
    if served := sorted({version for policy, version in pins.items() if model in members(policy)}):
        after.version_policy.specific.versions[:] = served
    for policy, version in pins.items():
        if model == postprocessing(policy):
            for output in after.output:
                output.label_filename = output.label_filename and f"{version}/{LABELS_FILE}"
        if model in (preprocessing(policy), policy, ensemble(policy)):
            for step in after.ensemble_scheduling.step:
                step.model_version = version if step.model_name in members(policy) else step.model_version
    if model == PROMPT_ROUTER_ENSEMBLE:
        after.ensemble_scheduling.CopyFrom(_passes(before, pins).ensemble_scheduling)
    return after


def _read(repository: Repository, policy: str) -> int:
    last = postprocessing(policy)
    found = [
        step.model_version
        for step in repository.config(ensemble(policy)).ensemble_scheduling.step
        if step.model_name == last
    ]
    if len(found) != 1:
        raise RepositoryError(f"{repository.path}: {ensemble(policy)} has {len(found)} steps {last}; it needs one")
    return repository.version(last) if found[0] == LATEST else found[0]


def _both(before: ModelConfig, after: ModelConfig) -> ModelConfig:
    """As before, and what is served afterwards is served already."""
    both = ModelConfig()
    both.CopyFrom(before)
    versions = {*before.version_policy.specific.versions, *after.version_policy.specific.versions}
    both.version_policy.specific.versions[:] = sorted(versions)
    return both


def _passes(before: ModelConfig, pins: Pins) -> ModelConfig:
    """The steps for `pins`, and nothing else."""
    outputs = [tensor.name for tensor in before.output]
    shapes = [_scheduled({policy: at * apart for at, policy in enumerate(POLICIES)}, outputs) for apart in (0, 1)]
    if _unpinned(before) not in map(_unpinned, shapes):
        raise RepositoryError(
            f"{PROMPT_ROUTER_ENSEMBLE}: its steps are neither one pass of the network nor one for each policy; "
            "this command writes them anew and would lose what was changed, so move its pins by hand"
        )
    return _scheduled(pins, outputs)


def _scheduled(pins: Pins, outputs: Sequence[str]) -> ModelConfig:
    return config.parse(scheduling(pins, outputs), Path(CONFIG_FILE))


def _unpinned(found: ModelConfig) -> bytes:
    """The steps without their versions, comparable."""
    kept = ModelConfig()
    kept.ensemble_scheduling.CopyFrom(found.ensemble_scheduling)
    for step in kept.ensemble_scheduling.step:
        step.model_version = 0
    return bytes(kept.SerializeToString(deterministic=True))
