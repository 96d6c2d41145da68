"""The version that each policy runs, and every place in the config.pbtxt files where it stands.

A version is a number that stands in every model that the policy runs: `version_policy` of the models that have version
folders, `label_filename` of the postprocessing, `model_version` of the steps onto them. An ensemble's own version stays
1. Policies may share models.
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


def has(repository: Repository, policy: Policy, version: int) -> bool:
    """Whether the version is whole for the policy."""
    return all(version in repository.version_folders(model) for model in policy.models)


def versions(repository: Repository) -> list[int]:
    """Every version of which there is a folder, oldest first."""
    held = _held(policies(repository))
    return sorted({version for model in held for version in repository.version_folders(model)})


def read(repository: Repository) -> dict[str, int]:
    """What each policy's ensemble decides with. Raises RepositoryError when it is not built as the shipped one is."""
    return {name: _read(repository, name) for name in policies(repository)}


def moved(repository: Repository, pins: Pins) -> Repository:
    """The repository as it is once its pins have moved; nothing is written. `pins`: of every policy.

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
    """Every configuration in which a pin may stand, with its model."""
    trees = (repository.path, *layers)
    candidates = [(model, tree / model / CONFIG_FILE) for tree in trees for model in repository.models]
    return [(model, file) for model, file in candidates if file.is_file()]


def pinned(repository: Repository, model: str, before: ModelConfig, pins: Pins) -> ModelConfig:
    """The configuration `before` of `model` with its pins where they belong. Raises RepositoryError when it is not
    built as the shipped one is."""
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
    """The version that `step` of the ensemble `model` is pinned to; None where no policy runs it there."""
    running = {
        name: pins[name] for name, policy in found.items() if model in policy.ensembles and step in policy.models
    }
    if len(set(running.values())) > 1:
        raise RepositoryError(
            f"{model}: {' and '.join(running)} run it with one version of {step}; pin them to one version, or name "
            f"{step} itself in the policy's own ensemble"
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
    """As before, and what is served afterwards is served already."""
    both = ModelConfig()
    both.CopyFrom(before)
    versions = {*before.version_policy.specific.versions, *after.version_policy.specific.versions}
    both.version_policy.specific.versions[:] = sorted(versions)
    return both


def _passes(repository: Repository, before: ModelConfig, pins: Pins) -> ModelConfig:
    """The steps for `pins`, and nothing else."""
    outputs = [tensor.name for tensor in before.output]
    if _unpinned(before) != _unpinned(_scheduled(repository, _shared(repository, before), outputs)):
        raise RepositoryError(
            f"{PROMPT_ROUTER_ENSEMBLE}: its steps are not one pass of a network for each version of it; "
            "this command writes them anew and would lose what was changed, so move its pins by hand"
        )
    return _scheduled(repository, pins, outputs)


def _scheduled(repository: Repository, pins: Pins, outputs: Sequence[str]) -> ModelConfig:
    return config.parse(scheduling(repository, pins, outputs), Path(CONFIG_FILE))


def _shared(repository: Repository, before: ModelConfig) -> dict[str, int]:
    """A number for each policy, the same for those that decide on the same tensors."""
    taken = {step.model_name: tuple(sorted(step.input_map.values())) for step in before.ensemble_scheduling.step}
    numbers: dict[tuple[str, ...], int] = {}
    return {
        name: numbers.setdefault(taken.get(policy.postprocessing, ()), len(numbers))
        for name, policy in policies(repository).items()
    }


def _unpinned(found: ModelConfig) -> bytes:
    """The steps without their versions, comparable."""
    kept = ModelConfig()
    kept.ensemble_scheduling.CopyFrom(found.ensemble_scheduling)
    for step in kept.ensemble_scheduling.step:
        step.model_version = 0
    return bytes(kept.SerializeToString(deterministic=True))
