"""What is wrong with a repository's versions and pins."""

from collections.abc import Sequence
from pathlib import Path

from edge_router.contract import PROMPT_ROUTER_ENSEMBLE
from edge_router.errors import NotFoundError
from edge_router.repository import config, pins
from edge_router.repository.policies import policies, unused
from edge_router.repository.report import Report
from edge_router.repository.repository import Repository
from edge_router.repository.staging import left_behind


def problems(repository: Repository, layers: Sequence[Path]) -> list[str]:
    """A sentence each, with what to do. Raises RepositoryError when the pins cannot even be read."""
    return [
        *_pins(repository, layers),
        *_versions(repository),
        *(
            f"{repository.path}: {PROMPT_ROUTER_ENSEMBLE} does not run {model}, so nothing is routed by it; "
            "add its step and outputs there, or remove the model"
            for model in unused(repository)
        ),
        *(f"{folder}: an interrupted import left it behind; delete it" for folder in left_behind(repository.path)),
    ]


def _pins(repository: Repository, layers: Sequence[Path]) -> list[str]:
    found = pins.read(repository)
    try:
        pins.moved(repository, found)
    except NotFoundError as error:
        return [f"{error}; edge-router models pin VERSION pins one that is whole"]
    state = ", ".join(f"{policy} runs version {version}" for policy, version in found.items())
    configs = [(model, file, config.read(file)) for model, file in pins.files(repository, layers)]
    return [
        f"{file}: its pins are not those of the ensembles ({state}); edge-router models pin VERSION mends it"
        for model, file, before in configs
        if pins.pinned(repository, model, before, found) != before
    ]


def _versions(repository: Repository) -> list[str]:
    found = []
    known = policies(repository).values()
    for version in pins.versions(repository):
        if not any(pins.has(repository, policy, version) for policy in known):
            found.append(f"{repository.path}: version {version} is not whole; delete its folders or import it again")
        for network in dict.fromkeys(policy.network for policy in known):
            if report := Report.read(repository.version_folder(network, version)):
                found += report.problems(repository.path)
    return found
