"""Routing without sending: a configuration, a request, and a classifier in this process."""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Self

from edge_router.cli.options import open_pipeline
from edge_router.contract import PROMPT_ROUTER_ENSEMBLE
from edge_router.controller.api import Message, Operation, RequestFeatures, RoutingHint, UpstreamRequest
from edge_router.controller.caller import Caller
from edge_router.controller.classifier import (
    Classification,
    DecisionSource,
    Labels,
    ensemble_decisions,
    ensemble_request,
)
from edge_router.controller.classifier.decision import Decisions
from edge_router.controller.config import RouterConfig
from edge_router.controller.effective_config import effective_config
from edge_router.controller.routing import RequestContext, Router
from edge_router.controller.settings import Settings
from edge_router.pipeline import Pipeline
from edge_router.settings import read


@dataclass(frozen=True)
class DryRunRequest:
    """A chat request. Implements `LlmRequest`."""

    messages: Sequence[Message]
    hint: RoutingHint
    features: RequestFeatures = field(default_factory=RequestFeatures)
    operation: Operation = Operation.CHAT
    stream: bool = False
    user: str | None = None
    conversation: str = ""

    def to_upstream(self, speaks: frozenset[Operation], model: str) -> UpstreamRequest | None:
        return UpstreamRequest(self.operation, b"") if self.operation in speaks else None


@dataclass
class RepositoryClassifier:
    """A `PromptClassifier` without a time limit."""

    pipeline: Pipeline
    labels: Labels = field(init=False)

    def __post_init__(self) -> None:
        self.labels = self.pipeline.policy_labels()

    def decisions(self, text: str) -> Decisions:
        return ensemble_decisions(self.pipeline.infer(PROMPT_ROUTER_ENSEMBLE, ensemble_request(text)), self.labels)

    async def classify(self, text: str) -> Classification:
        return Classification(DecisionSource.LOCAL, self.decisions(text))


@dataclass(frozen=True)
class DryRun:
    """A configuration together with the classifier of this process."""

    config: RouterConfig
    classifier: RepositoryClassifier

    @classmethod
    def open(cls, routes: Path | None, repository: Path | None, overrides: Path | None) -> Self:
        """The options' files, or the defaults. Raises ConfigError when the configuration names a label that the network
        does not have."""
        classifier = RepositoryClassifier(open_pipeline(repository, overrides))
        config = effective_config(routes, read(Settings), classifier.labels)
        config.check_labels(classifier.labels)
        return cls(config, classifier)

    @property
    def router(self) -> Router:
        return Router(self.config, self.classifier)


def user_message(text: str) -> Message:
    """`text` as a user's message; "-" reads standard input."""
    return Message("user", sys.stdin.read() if text == "-" else text)


def context(headers: Mapping[str, str], down: frozenset[str] = frozenset()) -> RequestContext:
    """The present time, and every upstream up except those in `down`."""
    return RequestContext(headers, Caller(), lambda name: name not in down, datetime.now().astimezone())
