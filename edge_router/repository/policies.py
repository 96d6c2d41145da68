"""Finds the policies of a repository: each is a `postprocessing_<policy>` with its ensemble and a step of
`prompt_router_ensemble`."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from edge_router.contract import (
    LABEL,
    OUTPUT,
    PROBABILITIES,
    PROMPT_ROUTER_ENSEMBLE,
    ensemble,
    output_prefix,
    postprocessing,
)
from edge_router.contract import policies as policies_of
from edge_router.errors import RepositoryError
from edge_router.repository.repository import Repository


@dataclass(frozen=True)
class Policy:
    """A policy with the models that its ensemble runs, in the order `preprocessing`, `network`, `postprocessing`.
    `ensembles`: the ensembles that contain them, the policy's own first."""

    name: str
    preprocessing: str
    network: str
    postprocessing: str
    ensembles: Sequence[str]

    @property
    def models(self) -> list[str]:
        return [self.preprocessing, self.network, self.postprocessing]


Policies: TypeAlias = Mapping[str, Policy]
"""Policies by name, in the order of `prompt_router_ensemble`'s outputs."""


def policies(repository: Repository) -> Policies:
    """The policies of the repository. Raises RepositoryError when there is none, or when a policy has no ensemble of
    preprocessing, network and postprocessing."""
    config = repository.config(PROMPT_ROUTER_ENSEMBLE)
    names = policies_of(output.name for output in config.output)
    makers = {
        tensor: step.model_name for step in config.ensemble_scheduling.step for tensor in step.output_map.values()
    }
    for model in dict.fromkeys(makers.values()):
        policy = model.removeprefix(postprocessing(""))
        if policy != model and policy not in names:
            raise RepositoryError(
                f"{repository.path}: {PROMPT_ROUTER_ENSEMBLE} runs {model}, but lacks the outputs of {policy}: "
                f"{', '.join(f'{output_prefix(policy)}{rest}' for rest in ('', f'_{LABEL}', f'_{PROBABILITIES}'))}"
            )
    for name in names:
        maker = makers.get(output_prefix(name), "no step")
        if maker != postprocessing(name):
            raise RepositoryError(
                f"{repository.path}: {PROMPT_ROUTER_ENSEMBLE}: {output_prefix(name)} is made by {maker}; "
                f"it must be the OUTPUT of {postprocessing(name)}"
            )
    if not names:
        raise RepositoryError(f"{repository.path}: {PROMPT_ROUTER_ENSEMBLE} runs no {postprocessing('<policy>')}")
    return {name: _policy(repository, name) for name in names}


def labels(repository: Repository) -> dict[str, list[str]]:
    """The labels of each policy in the order of its OUTPUT, from the label files. Raises what `policies` raises."""
    return {name: repository.labels(policy.postprocessing, OUTPUT) for name, policy in policies(repository).items()}


def unused(repository: Repository) -> list[str]:
    """The postprocessing models that `prompt_router_ensemble` does not run."""
    known = {policy.postprocessing for policy in policies(repository).values()}
    return [model for model in repository.models if model.startswith(postprocessing("")) and model not in known]


def _policy(repository: Repository, name: str) -> Policy:
    own = ensemble(name)
    if own not in repository.models:
        raise RepositoryError(f"{repository.path}: {PROMPT_ROUTER_ENSEMBLE} decides for {name}, so {own} is needed")
    ensembles: list[str] = []
    models = list(_models(repository, own, (), ensembles))
    if len(models) != 3 or models[-1] != postprocessing(name):
        raise RepositoryError(
            f"{repository.path}: {own} runs {', '.join(models)}; "
            f"it needs a preprocessing, a network and {postprocessing(name)}, in this order"
        )
    preprocessing, network, last = models
    return Policy(name, preprocessing, network, last, ensembles)


def _models(repository: Repository, model: str, within: tuple[str, ...], ensembles: list[str]) -> Iterator[str]:
    """The models with version folders in the ensemble `model`, in the order of its steps; appends its ensembles to
    `ensembles`. `within`: the ensembles around `model`."""
    steps = repository.composing(model)
    if not steps:
        yield model
        return
    if model in within:
        raise RepositoryError(f"{model}: the ensemble is a step of itself; remove the cycle")
    ensembles.append(model)
    for step in steps:
        yield from _models(repository, step, (*within, model), ensembles)
