"""The `text` of `routes.yaml`: what of a conversation is classified."""

from pydantic import Field

from edge_router.controller.config.section import ConfigSection


class TextConfig(ConfigSection):
    earlier_turns: int = Field(0, ge=0, le=16, description="user turns before the last that are classified with it")
    head_chars: int = Field(2000, gt=0, description="kept of a long prompt's beginning")
    tail_chars: int = Field(2000, gt=0, description="kept of its end, where the question often stands")
