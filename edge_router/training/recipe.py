"""`recipe.yaml`: the hyperparameters of a training run."""

from pathlib import Path
from typing import Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from edge_router.errors import ConfigError
from edge_router.validation import in_one_line


class HeadRecipe(BaseModel):
    """The head of one policy."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    labels: list[str] = Field(min_length=2, description="labels in the order of the logits")
    weight: float = Field(1, gt=0, description="weight of the head in the loss")
    none_weight: float | None = Field(
        None,
        ge=0,
        description="weight of rows without a label, which train the probability that none applies; "
        "without it such rows are ignored",
    )
    score: dict[str, float] | None = Field(
        None, description="weight of each label in the score; without it the score is the confidence"
    )


class Recipe(BaseModel):
    """A recipe; unknown keys and values out of range are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    seed: int
    base: str = Field(description="Python package with the pretrained encoder in its folder `model`")
    max_tokens: int = Field(ge=16, le=512)
    frozen_layers: int = Field(
        ge=0, description="number of lowest layers that keep their pretrained weights, as do the embeddings"
    )
    epochs: int = Field(ge=1)
    rows_per_source: int = Field(ge=1, description="most rows from one source in one epoch")
    rows_per_template_source: int = Field(ge=1, description="most rows from one source of templates in one epoch")
    authored_repeats: int = Field(ge=1, description="how often an authored prompt occurs in one epoch")
    batch_rows: int = Field(ge=1)
    encoder_rate: float = Field(gt=0)
    head_rate: float = Field(gt=0)
    layer_decay: float = Field(gt=0, le=1, description="factor on the rate of each layer further down")
    warmup: float = Field(ge=0, lt=1)
    weight_decay: float = Field(ge=0)
    dropout: float = Field(ge=0, lt=1)
    label_smoothing: float = Field(ge=0, lt=1)
    average: float = Field(ge=0, lt=1, description="decay of the moving average of the weights")
    noise: float = Field(ge=0, le=1, description="share of prompts that each kind of noise changes")
    token_drop: float = Field(ge=0, lt=1)
    heads: dict[str, HeadRecipe] = Field(min_length=1, description="heads by policy, in the order of the logits")
    held_out: list[str] = Field(description="sources of the held-out split; a trailing * matches any ending")

    @classmethod
    def read(cls, file: Path) -> Self:
        try:
            return cls.model_validate(yaml.safe_load(file.read_text()))
        except (OSError, yaml.YAMLError) as error:
            raise ConfigError(f"{file}: {error}") from error
        except ValidationError as error:
            raise ConfigError(f"{file}: {in_one_line(error, cls)}") from None
