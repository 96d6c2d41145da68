"""The `affinity` of `routes.yaml`: a conversation stays with the upstream it was given."""

from collections.abc import Sequence

from pydantic import Field

from edge_router.controller.config.section import ConfigSection

HEADER = "header "


class AffinityConfig(ConfigSection):
    by: str = Field("conversation", pattern=rf"^(conversation|user|{HEADER}[!-~]+)$")
    """conversation, user, or a header: "header x-session" """
    minutes: float = Field(30, gt=0)
    """for which it stays after the last request that needed the upstream"""
    order: Sequence[str] = Field(min_length=2)
    """upstreams: it moves on to a later one at once, and back to an earlier one after `minutes`"""

    @property
    def header(self) -> str | None:
        return self.by.removeprefix(HEADER).lower() if self.by.startswith(HEADER) else None
