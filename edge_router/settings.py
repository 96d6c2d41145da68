"""The environment: where the package finds its model repository, and how its servers read their settings."""

import os
from pathlib import Path
from typing import Any, Final, TypeVar

from pydantic import ValidationError
from pydantic_settings import BaseSettings

from edge_router.errors import ConfigError

MODEL_REPOSITORY_VARIABLE: Final = "EDGE_ROUTER_MODEL_REPOSITORY"

Kind = TypeVar("Kind", bound=BaseSettings)

_PACKAGE = Path(__file__).parent


def model_repository() -> Path:
    """The repository that the environment names, else the wheel's own, else the checkout's.

    Raises ConfigError when there is none.
    """
    named = os.environ.get(MODEL_REPOSITORY_VARIABLE)
    candidates = [Path(named)] if named else [_PACKAGE / "model_repository", _PACKAGE.parent / "model_repository"]
    for folder in candidates:
        if folder.is_dir():
            return folder
    raise ConfigError(
        f"{MODEL_REPOSITORY_VARIABLE}: no folder at {' or '.join(map(str, candidates))}; set it to a model repository"
    )


def read(kind: type[Kind], **given: Any) -> Kind:
    """`given` before the environment. Raises ConfigError naming the variable."""
    try:
        return kind(**given)
    except ValidationError as error:
        problems = [f"EDGE_ROUTER_{str(problem['loc'][0]).upper()}: {problem['msg']}" for problem in error.errors()]
        raise ConfigError("; ".join(problems)) from error
