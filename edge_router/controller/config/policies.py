"""The sections `policies`, `abstain`, `affinity` and `shadows` of `routes.yaml`."""

from collections.abc import Mapping, Sequence

from pydantic import Field

from edge_router.controller.config.rules import RuleConfig
from edge_router.controller.config.section import ConfigSection
from edge_router.validation import PATTERN_WORDS

HEADER = "header "


class ScoreThreshold(ConfigSection):
    """The upstream for a score of `at_least` or more."""

    at_least: float = Field(ge=0, le=1)
    upstream: str
    """an upstream, fallback or split"""


class AbstainConfig(ConfigSection):
    """The default answers when the decision is less sure than this."""

    confidence: float = Field(0, ge=0, le=1)
    """probability of the decision's label"""
    margin: float = Field(0, ge=0, le=1)
    """that probability minus the next label's"""


class PolicyConfig(ConfigSection):
    """Selects an upstream, in this order: the first rule that matches, the default if the decision is unsure
    (`abstain`), the highest score threshold reached, the label's route, the default."""

    rules: Sequence[RuleConfig] = ()
    abstain: AbstainConfig | None = None
    """replaces the common one"""
    score: Sequence[ScoreThreshold] = ()
    """the highest one that is reached decides"""
    routes: Mapping[str, str] = {}
    """an upstream, fallback or split, by label"""
    default: str | None = None
    """replaces the common one"""


class AffinityConfig(ConfigSection):
    """Keeps a conversation with an upstream that it needed."""

    by: str = Field(
        "conversation",
        pattern=rf"^(conversation|user|{HEADER}[!-~]+)$",
        json_schema_extra={PATTERN_WORDS: 'must be conversation, user or a header: "header x-session"'},
    )
    """what identifies a conversation: conversation, user, or the name of a header: "header x-session" """
    minutes: float = Field(30, gt=0)
    """time with an upstream after the last request that needed it"""
    order: Sequence[str] = Field(min_length=2)
    """upstreams; a conversation moves to a later one at once, and back to an earlier one after `minutes`"""

    @property
    def header(self) -> str | None:
        return self.by.removeprefix(HEADER).lower() if self.by.startswith(HEADER) else None


class ShadowConfig(ConfigSection):
    """A second upstream that gets the same requests; its answers are dropped."""

    to: str
    share: float = Field(1, gt=0, le=1)
    """share of the conversations"""
