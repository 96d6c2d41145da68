"""Reads the environment: the path of the model repository, and the settings of the servers."""

import os
from pathlib import Path
from typing import Any, Final, TypeVar

from pydantic import ValidationError
from pydantic_settings import BaseSettings

from edge_router.errors import ConfigError
from edge_router.validation import problems

MODEL_REPOSITORY_VARIABLE: Final = "EDGE_ROUTER_MODEL_REPOSITORY"

Kind = TypeVar("Kind", bound=BaseSettings)

_PACKAGE = Path(__file__).parent


def model_repository() -> Path:
    """The repository that the environment names, or that of the installed package, or that of the checkout.

    Raises ConfigError when there is none.
    """
    configured = os.environ.get(MODEL_REPOSITORY_VARIABLE)
    candidates = (
        [Path(configured)] if configured else [_PACKAGE / "model_repository", _PACKAGE.parent / "model_repository"]
    )
    for folder in candidates:
        if folder.is_dir():
            return folder
    raise ConfigError(
        f"{MODEL_REPOSITORY_VARIABLE}: no folder at {' or '.join(map(str, candidates))}; set it to a model repository"
    )


def read(kind: type[Kind], **overrides: Any) -> Kind:
    """Reads settings from the environment; `overrides` take precedence. Raises ConfigError naming the variable."""
    try:
        return kind(**overrides)
    except ValidationError as error:
        named = [f"EDGE_ROUTER_{str(place[0]).upper()}: {problem}" for place, problem in problems(error, kind)]
        raise ConfigError("; ".join(named)) from error
