"""The interfaces of classifiers, and the result of a classification."""

from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol, TypeAlias

from edge_router.controller.classifier.decision import Decisions

Labels: TypeAlias = Mapping[str, Sequence[str]]
"""Each policy's labels, in the network's order."""


class DecisionSource(StrEnum):
    """The origin of a routing decision; the same word stands in the header, the log, the metrics and the trace."""

    SERVER = "server"
    """A router-server classified the prompt."""
    LOCAL = "local"
    """The network in this process classified the prompt."""
    CACHED = "cached"
    """The same text was classified earlier."""
    RULES = "rules"
    """A rule that needs no classification decided."""
    DEFAULT = "default"
    """No classifier answered and no rule matched: the default route."""
    NONE = "none"
    """No classifier answered."""


class ClassifierFault(StrEnum):
    """The reason for which the preferred classifier did not decide."""

    UNAVAILABLE = "classifier unavailable"
    SLOW = "classifier slow"
    WRONG = "classifier wrong"


@dataclass(frozen=True)
class Classification:
    """One prompt's decisions. `decisions` is None where `source` is NONE. `reason` says why a better source did not
    answer."""

    source: DecisionSource
    decisions: Decisions | None = None
    reason: ClassifierFault | None = None


class PromptClassifier(Protocol):
    """The classifier that routing uses. It answers within a time budget, even if the classifiers behind it fail."""

    @property
    def labels(self) -> Labels | None:
        """The labels of each policy; None until a classifier has answered."""
        ...

    async def classify(self, text: str) -> Classification:
        """Raises RequestError for a text that no classifier accepts, and nothing else."""
        ...


class Classifier(Protocol):
    """One source of decisions. All sources give the same decisions."""

    async def labels(self) -> Labels:
        """The labels that `classify` chooses from. Raises what `classify` raises."""
        ...

    async def classify(self, text: str, labels: Labels) -> Decisions:
        """Raises RequestError for a text that no classifier accepts, UnavailableError for no answer, ResponseError for
        a wrong answer."""
        ...


class InProcessClassifier(Classifier, Protocol):
    """A classifier in this process. A run that has begun continues after its request has ended."""

    seconds: float
    """The duration of one of the slower recent runs."""

    def submit(self, text: str, labels: Labels) -> "Future[Decisions]":
        """Queues a run, which can be cancelled until it begins. Raises RequestError."""
        ...
