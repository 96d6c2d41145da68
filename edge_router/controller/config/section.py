"""The base class of the sections of `routes.yaml`, and the type of number ranges."""

from typing import Self

from pydantic import BaseModel, ConfigDict, Field, model_validator


class ConfigSection(BaseModel):
    """A mapping in a configuration file. A key that the section does not have is an error."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, allow_inf_nan=False, serialize_by_alias=True, use_attribute_docstrings=True
    )


class Range(ConfigSection):
    """Numbers from `at_least` up to, but not including, `below`."""

    at_least: float | None = Field(None, ge=0)
    below: float | None = Field(None, gt=0)

    @model_validator(mode="after")
    def _not_empty(self) -> Self:
        if self.at_least is None and self.below is None:
            raise ValueError("give at_least, below or both")
        if self.at_least is not None and self.below is not None and self.at_least >= self.below:
            raise ValueError(f"no number is at least {self.at_least:g} and below {self.below:g}")
        return self

    def __contains__(self, number: float) -> bool:
        return (self.at_least is None or number >= self.at_least) and (self.below is None or number < self.below)

    def __str__(self) -> str:
        least = [] if self.at_least is None else [f"at least {self.at_least:g}"]
        return " and ".join(least + ([] if self.below is None else [f"below {self.below:g}"]))


class Share(Range):
    """A range within 0 to 1."""

    at_least: float | None = Field(None, ge=0, le=1)
    below: float | None = Field(None, gt=0, le=1)
