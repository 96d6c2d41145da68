"""Pins: the version that each policy runs, in all config.pbtxt files that name it.

A policy's version is the same number in all of its models. It is in `version_policy` of the models with version
folders, `label_filename` of the postprocessing and `model_version` of the steps that run them. An ensemble's own
version is always 1. Policies may share models.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TypeAlias

from edge_router.contract import LABELS_FILE, PROMPT_ROUTER_ENSEMBLE, ensemble, postprocessing
from edge_router.errors import NotFoundError, RepositoryError
from edge_router.repository import config
from edge_router.repository.ensemble_steps import scheduling
from edge_router.repository.pbtxt_edit import with_pins
from edge_router.repository.policies import Policies, Policy, policies
from edge_router.repository.replacement import replace
from edge_router.repository.repository import CONFIG_FILE, LATEST, Repository
from edge_router.repository.schema import ModelConfig

Pins: TypeAlias = Mapping[str, int]
"""Version by policy."""


def is_complete(repository: Repository, policy: Policy, version: int) -> bool:
    """True if all models of the policy have the version."""
    return all(version in repository.version_folders(model) for model in policy.models)


def versions(repository: Repository) -> list[int]:
    """All versions that a model has a folder for, oldest first."""
    held = _held(policies(repository))
    return sorted({version for model in held for version in repository.version_folders(model)})


def read(repository: Repository) -> dict[str, int]:
    """The version that each policy's ensemble runs. Raises RepositoryError when an ensemble is not built like the
    shipped ones."""
    return {name: _read(repository, name) for name in policies(repository)}


def preview(repository: Repository, pins: Pins) -> Repository:
    """The repository with other pins; nothing is written. `pins`: of every policy.

    Raises NotFoundError when a model lacks the version.
    """
    found = policies(repository)
    for policy, version in pins.items():
        for model in found[policy].models:
            if version not in (folders := repository.version_folders(model)):
                raise NotFoundError(
                    f"{repository.path}: {model} has no version {version}; it has {', '.join(map(str, folders))}"
                )
    return repository.reconfigured(
        {model: pinned(repository, model, repository.config(model), pins) for model in repository.models}
    )


def move(repository: Repository, layers: Sequence[Path], pins: Pins) -> list[Path]:
    """Writes the pins of every policy into the repository and its layers. Returns the changed files.

    Raises NotFoundError when a model lacks the version, RepositoryError; then no file has changed.
    """
    preview(repository, pins)
    edits = changes(repository, layers, pins)
    replace(edits)
    return list(dict.fromkeys(file for file, _ in edits))


def changes(repository: Repository, layers: Sequence[Path], pins: Pins) -> list[tuple[Path, str]]:
    """The new texts of the files, in an order in which the repository can be served after each of them: first both
    versions are served, then the ensembles switch, then the old version is no longer served. Raises RepositoryError."""
    held = _held(policies(repository))
    found = [(model, file, config.read(file)) for model, file in files(repository, layers)]
    wanted = [(file, before, pinned(repository, model, before, pins), model in held) for model, file, before in found]
    order = [
        *((file, before, _both(before, after)) for file, before, after, holds in wanted if holds),
        *((file, before, after) for file, before, after, holds in wanted if not holds),
        *((file, before, after) for file, before, after, holds in wanted if holds),
    ]
    return [(file, with_pins(repository, file, after, pins)) for file, before, after in order if after != before]


def files(repository: Repository, layers: Sequence[Path]) -> list[tuple[str, Path]]:
    """All config.pbtxt files that may hold a pin, with their models."""
    trees = (repository.path, *layers)
    candidates = [(model, tree / model / CONFIG_FILE) for tree in trees for model in repository.models]
    return [(model, file) for model, file in candidates if file.is_file()]


def pinned(repository: Repository, model: str, before: ModelConfig, pins: Pins) -> ModelConfig:
    """The configuration `before` of `model` with `pins`. Raises RepositoryError when it is not built like the shipped
    ones."""
    found = policies(repository)
    after = ModelConfig()
    after.CopyFrom(before)
    if served := sorted({pins[name] for name, policy in found.items() if model in policy.models}):
        after.version_policy.specific.versions[:] = served
    for name, policy in found.items():
        if model == policy.postprocessing:
            for output in after.output:
                output.label_filename = output.label_filename and f"{pins[name]}/{LABELS_FILE}"
    if model == PROMPT_ROUTER_ENSEMBLE:
        after.ensemble_scheduling.CopyFrom(_passes(repository, before, pins).ensemble_scheduling)
    else:
        for step in after.ensemble_scheduling.step:
            step.model_version = _step_version(model, step.model_name, found, pins) or step.model_version
    return after


def _step_version(model: str, step: str, found: Policies, pins: Pins) -> int | None:
    """The version of `step` in the ensemble `model`; None if no policy runs it there."""
    running = {
        name: pins[name] for name, policy in found.items() if model in policy.ensembles and step in policy.models
    }
    if len(set(running.values())) > 1:
        raise RepositoryError(
            f"{model}: {' and '.join(running)} share it and so one version of {step}; pin them to the same version, or "
            f"name {step} itself in the policy's own ensemble"
        )
    return next(iter(running.values()), None)


def _held(found: Policies) -> set[str]:
    """The models with version folders that a policy runs."""
    return {model for policy in found.values() for model in policy.models}


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
    """The configuration `before` that also serves the versions of `after`."""
    both = ModelConfig()
    both.CopyFrom(before)
    versions = {*before.version_policy.specific.versions, *after.version_policy.specific.versions}
    both.version_policy.specific.versions[:] = sorted(versions)
    return both


def _passes(repository: Repository, before: ModelConfig, pins: Pins) -> ModelConfig:
    """A configuration with only the steps for `pins`."""
    outputs = [tensor.name for tensor in before.output]
    if _unpinned(before) != _unpinned(_scheduled(repository, _shared(repository, before), outputs)):
        raise RepositoryError(
            f"{PROMPT_ROUTER_ENSEMBLE}: its steps were changed by hand (they are not one pass for each version of a "
            "network), and this command would overwrite them; change its pins by hand"
        )
    return _scheduled(repository, pins, outputs)


def _scheduled(repository: Repository, pins: Pins, outputs: Sequence[str]) -> ModelConfig:
    return config.parse(scheduling(repository, pins, outputs), Path(CONFIG_FILE))


def _shared(repository: Repository, before: ModelConfig) -> dict[str, int]:
    """A number for each policy; policies that use the same tensors get the same number."""
    taken = {step.model_name: tuple(sorted(step.input_map.values())) for step in before.ensemble_scheduling.step}
    numbers: dict[tuple[str, ...], int] = {}
    return {
        name: numbers.setdefault(taken.get(policy.postprocessing, ()), len(numbers))
        for name, policy in policies(repository).items()
    }


def _unpinned(found: ModelConfig) -> bytes:
    """The steps without their versions, for comparison."""
    kept = ModelConfig()
    kept.ensemble_scheduling.CopyFrom(found.ensemble_scheduling)
    for step in kept.ensemble_scheduling.step:
        step.model_version = 0
    return bytes(kept.SerializeToString(deterministic=True))
