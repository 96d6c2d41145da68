"""One policy of `routes.yaml`: what leads from a decision to an upstream."""

from collections.abc import Mapping, Sequence

from pydantic import Field

from edge_router.controller.config.rules import RuleConfig
from edge_router.controller.config.section import ConfigSection


class ScoreRule(ConfigSection):
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
    score: Sequence[ScoreRule] = ()
    """the highest that is reached decides"""
    routes: Mapping[str, str] = {}
    """upstream, fallback or split by label"""
    default: str | None = None
    """instead of the one for all policies"""
