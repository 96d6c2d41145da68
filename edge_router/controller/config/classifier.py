"""The sections `classifier` and `text` of `routes.yaml`: how prompts are classified."""

from collections.abc import Sequence
from typing import Literal

from pydantic import Field, HttpUrl

from edge_router.controller.config.section import ConfigSection


class CacheConfig(ConfigSection):
    """Earlier decisions, which answer equal prompts."""

    size: int = Field(4096, ge=0, description="decisions in the cache; 0 = no cache")
    seconds: float = Field(600, gt=0, description="time for which a decision is valid")


class ClassifierConfig(ConfigSection):
    """The classifiers, their time budget and the cache of decisions."""

    urls: Sequence[HttpUrl] = Field((), description="router-servers; without any, this process classifies")
    protocol: Literal["http", "grpc"] = "http"
    budget_ms: int = Field(150, gt=0, description="time for a router-server's answer; then the next source decides")
    cache: CacheConfig = CacheConfig()


class TextConfig(ConfigSection):
    """The part of a conversation that is classified."""

    earlier_turns: int = Field(0, ge=0, le=16, description="user messages before the last one")
    head_chars: int = Field(2000, gt=0, description="characters from the beginning of a longer text")
    tail_chars: int = Field(2000, gt=0, description="characters from its end, where the question often is")
