"""One request as rules see it: parts of it are worked out when a rule first asks for them."""

import time
from functools import cached_property
from hashlib import blake2b
from typing import NamedTuple

from edge_router.controller.api.request import LlmRequest, RequestFeatures
from edge_router.controller.classifier.classification import Classification, PromptClassifier
from edge_router.controller.classifier.decision import Decision, Decisions
from edge_router.controller.routing.context import RequestContext


class RoutingStep(NamedTuple):
    """Something that was looked at on the way to a plan. `why`: it did not decide; None: it did."""

    key: str
    why: str | None


class Evaluation:
    def __init__(self, request: LlmRequest, context: RequestContext, classify: PromptClassifier, policy: str) -> None:
        """`policy`: whose confidence rules speak of."""
        self.request = request
        self.context = context
        self.policy = policy
        self.classification: Classification | None = None
        self.classified_in: float | None = None
        """Seconds."""
        self.steps: list[RoutingStep] = []
        self._classifier = classify

    @cached_property
    def features(self) -> RequestFeatures:
        return self.request.features

    @cached_property
    def split_key(self) -> str:
        """Who stays on one side of a split: the user, where the client says who it is, else the conversation."""
        return self.request.user or self.request.conversation

    def share(self, salt: str) -> float:
        """0..1, the same for the same party."""
        digest = blake2b(f"{salt}\0{self.split_key}".encode("utf-8", "surrogatepass"), digest_size=8).digest()
        return int.from_bytes(digest) / 2**64

    async def classify(self) -> Decisions | None:
        """Asks once. None when nobody can say. Raises RequestError."""
        if self.classification is None:
            started = time.perf_counter()
            self.classification = await self._classifier.classify(self.request.text)
            self.classified_in = time.perf_counter() - started
        return self.classification.decisions

    @property
    def decisions(self) -> Decisions | None:
        return self.classification.decisions if self.classification else None

    @property
    def decision(self) -> Decision | None:
        """The policy's."""
        return self.decisions.get(self.policy) if self.decisions else None

    def note(self, key: str, why: str | None) -> str | None:
        self.steps.append(RoutingStep(key, why))
        return why
