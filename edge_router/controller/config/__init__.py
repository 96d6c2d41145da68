"""`routes.yaml`: its sections as pydantic models; reading, checking and watching the file."""

from edge_router.controller.config.classifier import CacheConfig, ClassifierConfig, TextConfig
from edge_router.controller.config.document import ConfigDocument
from edge_router.controller.config.policies import (
    AbstainConfig,
    AffinityConfig,
    PolicyConfig,
    ScoreThreshold,
    ShadowConfig,
)
from edge_router.controller.config.router_config import RouterConfig, schema
from edge_router.controller.config.rules import Conditions, Hours, RuleConfig
from edge_router.controller.config.section import ConfigSection, Range, Share
from edge_router.controller.config.upstreams import ApiKeyConfig, UpstreamConfig, is_loopback
from edge_router.controller.config.watch import WatchedFile, log_deprecations, watch_config

__all__ = [
    "AbstainConfig",
    "AffinityConfig",
    "ApiKeyConfig",
    "CacheConfig",
    "ClassifierConfig",
    "Conditions",
    "ConfigDocument",
    "ConfigSection",
    "Hours",
    "PolicyConfig",
    "Range",
    "RouterConfig",
    "RuleConfig",
    "ScoreThreshold",
    "ShadowConfig",
    "Share",
    "TextConfig",
    "UpstreamConfig",
    "WatchedFile",
    "is_loopback",
    "log_deprecations",
    "schema",
    "watch_config",
]
