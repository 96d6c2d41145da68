"""The evaluation of one request: what rules read of it, computed when a rule first needs it."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from hashlib import blake2b
from typing import NamedTuple

from edge_router.controller.api import LlmRequest, RequestFeatures, classified_text
from edge_router.controller.caller import Caller
from edge_router.controller.classifier import Classification, Decision, Decisions, PromptClassifier
from edge_router.controller.config import TextConfig


@dataclass(frozen=True)
class RequestContext:
    """Facts about a request besides its body, for routing.

    `headers`: the client's, with names in lower case. `is_up`: the health of an upstream, by name. `now`: this
    machine's clock and time zone.
    """

    headers: Mapping[str, str]
    caller: Caller
    is_up: Callable[[str], bool]
    now: datetime


class RoutingStep(NamedTuple):
    """One check of a routing, for `edge-router explain`. `mismatch`: why the check did not decide; None if it did."""

    key: str
    mismatch: str | None


class Evaluation:
    """One request, its context and its classification. The prompt is classified at most once."""

    def __init__(
        self,
        request: LlmRequest,
        context: RequestContext,
        classifier: PromptClassifier,
        policy: str,
        text: TextConfig,
    ) -> None:
        """`policy`: the policy whose confidence and margin the rules compare. `text`: what is classified."""
        self.request = request
        self.context = context
        self.policy = policy
        self.classification: Classification | None = None
        self.classified_in: float | None = None
        """Seconds."""
        self.steps: list[RoutingStep] = []
        self._classifier = classifier
        self._text = text

    @cached_property
    def features(self) -> RequestFeatures:
        return self.request.features

    @cached_property
    def split_key(self) -> str:
        """The user if the client names one, else the conversation. Requests with equal keys get the same part of a
        split."""
        return self.request.user or self.request.conversation

    def split_fraction(self, salt: str) -> float:
        """A number in [0, 1) that depends on `split_key` and `salt` alone."""
        digest = blake2b(f"{salt}\0{self.split_key}".encode("utf-8", "surrogatepass"), digest_size=8).digest()
        return int.from_bytes(digest) / 2**64

    async def classify(self) -> Decisions | None:
        """The decisions; None when no classifier answers. Raises RequestError."""
        if self.classification is None:
            started = time.perf_counter()
            self.classification = await self._classifier.classify(self._prompt)
            self.classified_in = time.perf_counter() - started
        return self.classification.decisions

    @property
    def _prompt(self) -> str:
        """Raises RequestError."""
        return classified_text(
            self.request.messages,
            earlier_turns=self._text.earlier_turns,
            head_chars=self._text.head_chars,
            tail_chars=self._text.tail_chars,
        )

    @property
    def decisions(self) -> Decisions | None:
        """The decisions so far; None before classification."""
        return self.classification.decisions if self.classification else None

    @property
    def decision(self) -> Decision | None:
        """The decision of `policy` so far."""
        return self.decisions.get(self.policy) if self.decisions else None

    def note(self, key: str, mismatch: str | None) -> str | None:
        """Records a step and returns `mismatch`."""
        self.steps.append(RoutingStep(key, mismatch))
        return mismatch
