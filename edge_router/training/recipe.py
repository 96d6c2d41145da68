"""`recipe.yaml`: every number of a training run."""

from pathlib import Path
from typing import Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from edge_router.errors import ConfigError
from edge_router.validation import in_one_line


class HeadRecipe(BaseModel):
    """One question about a prompt, by the name of its policy."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    labels: list[str] = Field(min_length=2, description="in the order of the logits")
    weight: float = Field(1, gt=0, description="of the head in the loss")
    none_weight: float | None = Field(
        None,
        ge=0,
        description="weight of a row that no label fits, which teaches the head that none does; "
        "without it such rows say nothing to the head",
    )
    score: dict[str, float] | None = Field(
        None, description="what a label adds to the score; without it the score is the confidence"
    )


class Recipe(BaseModel):
    """Refused when a key is unknown or out of range, so that a run is what its recipe says."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    seed: int
    base: str = Field(description="Python package that carries the pretrained encoder in its folder `model`")
    max_tokens: int = Field(ge=16, le=512)
    frozen_layers: int = Field(
        ge=0, description="layers that keep their pretrained weights, from the bottom; so do the embeddings"
    )
    epochs: int = Field(ge=1)
    rows_per_source: int = Field(ge=1, description="rows drawn from one source in one epoch, at most")
    rows_per_template_source: int = Field(ge=1, description="the same for sources made of templates")
    authored_repeats: int = Field(ge=1, description="how often a prompt of our own is drawn in one epoch")
    batch_rows: int = Field(ge=1)
    encoder_rate: float = Field(gt=0)
    head_rate: float = Field(gt=0)
    layer_decay: float = Field(gt=0, le=1, description="factor on the rate of each layer further down")
    warmup: float = Field(ge=0, lt=1)
    weight_decay: float = Field(ge=0)
    dropout: float = Field(ge=0, lt=1)
    label_smoothing: float = Field(ge=0, lt=1)
    average: float = Field(ge=0, lt=1, description="decay of the moving average of the weights")
    noise: float = Field(ge=0, le=1, description="share of prompts that each kind of noise meets")
    token_drop: float = Field(ge=0, lt=1)
    heads: dict[str, HeadRecipe] = Field(min_length=1, description="by policy, in the order of the logits")
    held_out: list[str] = Field(description="sources of the held-out split; a trailing * stands for any ending")

    @classmethod
    def read(cls, file: Path) -> Self:
        try:
            return cls.model_validate(yaml.safe_load(file.read_text()))
        except (OSError, yaml.YAMLError) as error:
            raise ConfigError(f"{file}: {error}") from error
        except ValidationError as error:
            raise ConfigError(f"{file}: {in_one_line(error, cls)}") from None
