"""The parts of a routing test: a request, its context, and a classifier with fixed decisions."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from edge_router.cli.dry_run import DryRunRequest
from edge_router.contract import COMPLEXITY_ROUTER, TASK_ROUTER
from edge_router.controller.api import LlmRequest, Message, RequestFeatures, RoutingHint
from edge_router.controller.caller import Caller
from edge_router.controller.classifier import Classification, ClassifierFault, DecisionSource, Labels
from edge_router.controller.classifier.decision import Decision
from edge_router.controller.config import RouterConfig
from edge_router.controller.routing import RequestContext
from edge_router.controller.routing.plan import Plan
from edge_router.controller.routing.router import Router

MONDAY_NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
UPSTREAMS: Mapping[str, Mapping[str, Any]] = {
    "small": {"url": "http://127.0.0.1:1/v1", "model": "small-model"},
    "medium": {"url": "http://127.0.0.1:2/v1", "model": "medium-model"},
    "large": {"url": "https://api.example.com/v1", "model": "large-model"},
}
"""Two local upstreams and one remote upstream."""


def decision(label: str = "Code", confidence: float = 0.8, score: float | None = None) -> Decision:
    return Decision(label, {label: confidence, "Other": 1 - confidence}, score)


@dataclass
class Classifier:
    """A `PromptClassifier` with fixed decisions. `reason`: no decisions, for this reason."""

    label: str = "Code"
    confidence: float = 0.8
    score: float = 0.25
    reason: ClassifierFault | None = None
    texts: list[str] = field(default_factory=list)

    @property
    def labels(self) -> Labels:
        return {TASK_ROUTER: ["Code", "Chatbot", "Other"], COMPLEXITY_ROUTER: ["Reasoning", "Other"]}

    async def classify(self, text: str) -> Classification:
        self.texts.append(text)
        if self.reason:
            return Classification(DecisionSource.NONE, None, self.reason)
        task = decision(self.label, self.confidence)
        return Classification(
            DecisionSource.SERVER, {TASK_ROUTER: task, COMPLEXITY_ROUTER: decision("Reasoning", 0.6, self.score)}
        )


def routes(**content: Any) -> RouterConfig:
    """A config that sends everything to `small`, changed by `content`."""
    given = {"upstreams": UPSTREAMS, "default": "small", "policies": {TASK_ROUTER: {}, COMPLEXITY_ROUTER: {}}}
    return RouterConfig.model_validate(given | content)


def llm_request(model: str = "auto", text: str = "hello", **content: Any) -> DryRunRequest:
    return DryRunRequest(
        [Message("user", text)],
        content.pop("hint", RoutingHint(model=model)),
        content.pop("features", RequestFeatures()),
        **content,
    )


def context(
    *down: str, headers: Mapping[str, str] | None = None, caller: Caller | None = None, now: datetime = MONDAY_NOON
) -> RequestContext:
    return RequestContext(headers or {}, caller or Caller(), lambda name: name not in down, now)


async def planned(
    content: Mapping[str, Any],
    request: LlmRequest | None = None,
    around: RequestContext | None = None,
    classifier: Classifier | None = None,
) -> Plan:
    """The plan under `routes(**content)`."""
    router = Router(routes(**content), classifier or Classifier())
    return await router.plan(request or llm_request(), around or context())
