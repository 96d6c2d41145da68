"""Reads the environment: the path of the model repository, and the settings of the servers."""

import os
from pathlib import Path
from typing import Any, Final, TypeVar

from pydantic import Field, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from edge_router.errors import ConfigError
from edge_router.validation import problems

MODEL_REPOSITORY_VARIABLE: Final = "EDGE_ROUTER_MODEL_REPOSITORY"

Kind = TypeVar("Kind", bound=BaseSettings)

_PACKAGE = Path(__file__).parent


class BodyLimits(BaseSettings):
    """Bounds on the bodies of requests, which every server of this package has."""

    model_config = SettingsConfigDict(env_prefix="EDGE_ROUTER_", frozen=True, allow_inf_nan=False)

    body_bytes: int = Field(8 * 2**20, gt=0, description="a larger request is answered 413")
    held_bytes: int = Field(64 * 2**20, gt=0, description="all request bodies together; beyond it 503")
    receive_seconds: float = Field(15, gt=0, description="time for a whole request to arrive")


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
