"""Edits the pins in the text of a config.pbtxt and keeps its comments."""

import re
from collections.abc import Mapping
from pathlib import Path

from edge_router.contract import PROMPT_ROUTER_ENSEMBLE
from edge_router.errors import RepositoryError
from edge_router.repository import config
from edge_router.repository.ensemble_steps import scheduling
from edge_router.repository.repository import Repository
from edge_router.repository.schema import ModelConfig

_VERSIONS = re.compile(r"(version_policy\s*\{\s*specific\s*\{\s*versions:\s*\[)[^\]]*\]")
_LABELS = re.compile(r'(label_filename:\s*)"[^"]*"')
_SCHEDULING = re.compile(r"^ensemble_scheduling\b.*", re.DOTALL | re.MULTILINE)


def with_pins(repository: Repository, file: Path, wanted: ModelConfig, pins: Mapping[str, int]) -> str:
    """The text of `file` changed to mean `wanted`, which differs from it in its pins only. `pins`: version by policy.

    Raises RepositoryError when the new text does not parse as `wanted`.
    """
    text = file.read_text()
    versions = ", ".join(map(str, wanted.version_policy.specific.versions))
    text = _VERSIONS.sub(rf"\g<1> {versions} ]", text)
    for output in wanted.output:
        text = _LABELS.sub(rf'\g<1>"{output.label_filename}"', text) if output.label_filename else text
    text = _steps(repository, text, wanted, pins)
    if config.parse(text, file) != wanted:
        raise RepositoryError(
            f"{file}: its pins cannot be changed; write them as in the shipped files: "
            "version_policy { specific { versions: [ 1 ] } }, model_version right after model_name, steps last"
        )
    return text


def _steps(repository: Repository, text: str, wanted: ModelConfig, pins: Mapping[str, int]) -> str:
    if wanted.name == PROMPT_ROUTER_ENSEMBLE:  # its steps depend on the pins, not only their versions
        return _SCHEDULING.sub(scheduling(repository, pins, [tensor.name for tensor in wanted.output]), text)
    for step in wanted.ensemble_scheduling.step:
        pin = re.compile(rf'(model_name:\s*"{re.escape(step.model_name)}"\s+model_version:\s*)-?\d+')
        text = pin.sub(rf"\g<1>{step.model_version}", text)
    return text
