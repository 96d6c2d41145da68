"""A request that is routed but not sent, and a classifier that runs in this process."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

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
from edge_router.controller.routing.context import RequestContext
from edge_router.pipeline import Pipeline


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


def context(headers: Mapping[str, str], down: frozenset[str] = frozenset()) -> RequestContext:
    """Now, with all upstreams there but those that are `down`."""
    return RequestContext(headers, Caller(), lambda name: name not in down, datetime.now().astimezone())
