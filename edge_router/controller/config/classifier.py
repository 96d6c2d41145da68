"""The `classifier` of `routes.yaml`: who is asked what a prompt is."""

from collections.abc import Sequence
from typing import Literal

from pydantic import Field, HttpUrl

from edge_router.controller.config.section import ConfigSection


class CacheConfig(ConfigSection):
    size: int = Field(4096, ge=0, description="decisions kept; 0 keeps none")
    seconds: float = Field(600, gt=0, description="how long a decision is taken without asking again")


class ClassifierConfig(ConfigSection):
    """`urls`: router-servers, Triton or the light one. Without any the network of this process decides."""

    urls: Sequence[HttpUrl] = ()
    protocol: Literal["http", "grpc"] = "http"
    budget_ms: int = Field(150, gt=0, description="after this the next level of the ladder answers")
    cache: CacheConfig = CacheConfig()


class TextConfig(ConfigSection):
    earlier_turns: int = Field(0, ge=0, le=16, description="user turns before the last that are classified with it")
    head_chars: int = Field(2000, gt=0, description="kept of a long prompt's beginning")
    tail_chars: int = Field(2000, gt=0, description="kept of its end, where the question often stands")
