"""What leads from a decision to an upstream: policies, and what holds for all of them (affinity, shadows)."""

from collections.abc import Mapping, Sequence

from pydantic import Field

from edge_router.controller.config.rules import RuleConfig
from edge_router.controller.config.section import ConfigSection
from edge_router.validation import PATTERN_WORDS

HEADER = "header "


class ScoreThreshold(ConfigSection):
    at_least: float = Field(ge=0, le=1)
    upstream: str


class AbstainConfig(ConfigSection):
    """A decision that is less sure than this is not followed: the default answers."""

    confidence: float = Field(0, ge=0, le=1)
    margin: float = Field(0, ge=0, le=1)


class PolicyConfig(ConfigSection):
    """In this order: the first rule that matches, abstaining, the highest score reached, the label, the default."""

    rules: Sequence[RuleConfig] = ()
    abstain: AbstainConfig | None = None
    """instead of the one for all policies"""
    score: Sequence[ScoreThreshold] = ()
    """the highest that is reached decides"""
    routes: Mapping[str, str] = {}
    """upstream, fallback or split by label"""
    default: str | None = None
    """instead of the one for all policies"""


class AffinityConfig(ConfigSection):
    by: str = Field(
        "conversation",
        pattern=rf"^(conversation|user|{HEADER}[!-~]+)$",
        json_schema_extra={PATTERN_WORDS: 'must be conversation, user or a header: "header x-session"'},
    )
    """conversation, user, or a header: "header x-session" """
    minutes: float = Field(30, gt=0)
    """for which it stays after the last request that needed the upstream"""
    order: Sequence[str] = Field(min_length=2)
    """upstreams: it moves on to a later one at once, and back to an earlier one after `minutes`"""

    @property
    def header(self) -> str | None:
        return self.by.removeprefix(HEADER).lower() if self.by.startswith(HEADER) else None


class ShadowConfig(ConfigSection):
    """An upstream that is asked too, and whose answer is dropped."""

    to: str
    share: float = Field(1, gt=0, le=1)
    """of the conversations"""
