"""Checks the integrity of a repository: its pins, and the files of its versions."""

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
    """The problems, each with its remedy. Raises RepositoryError when the pins cannot be read."""
    return [
        *_pins(repository, layers),
        *_versions(repository),
        *(
            f"{repository.path}: {PROMPT_ROUTER_ENSEMBLE} does not run {model}, so it is not used for routing; "
            "add its step and outputs there, or remove the model"
            for model in unused(repository)
        ),
        *(f"{folder}: is left from an interrupted import; delete it" for folder in left_behind(repository.path)),
    ]


def _pins(repository: Repository, layers: Sequence[Path]) -> list[str]:
    current = pins.read(repository)
    try:
        pins.preview(repository, current)
    except NotFoundError as error:
        return [f"{error}; pin a complete version with: edge-router models pin VERSION"]
    state = ", ".join(f"{policy} runs version {version}" for policy, version in current.items())
    configs = [(model, file, config.read(file)) for model, file in pins.files(repository, layers)]
    return [
        f"{file}: its pins differ from those of the ensembles ({state}); repair it with: edge-router models pin VERSION"
        for model, file, before in configs
        if pins.pinned(repository, model, before, current) != before
    ]


def _versions(repository: Repository) -> list[str]:
    found = []
    known = policies(repository).values()
    for version in pins.versions(repository):
        if not any(pins.is_complete(repository, policy, version) for policy in known):
            found.append(f"{repository.path}: version {version} is incomplete; delete its folders or import it again")
        for network in dict.fromkeys(policy.network for policy in known):
            if report := Report.read(repository.version_folder(network, version)):
                found += report.problems(repository.path)
    return found
