"""Who is asked what a prompt is, and what comes of it."""

from dataclasses import dataclass
from typing import Literal, Protocol

from edge_router.controller.classifier.decision import Decisions
from edge_router.controller.classifier.remote import Labels

ClassificationSource = Literal["server", "local", "cached", "none"]
"""The steps of the ladder: a router-server, the network in this process, a decision taken earlier for the same text,
nobody. Below `none` the routes that need no decision still apply."""


@dataclass(frozen=True)
class Classification:
    """`decisions` by policy, None at level `none`. `reason`: why a better level did not answer."""

    level: ClassificationSource
    decisions: Decisions | None = None
    reason: str | None = None


class PromptClassifier(Protocol):
    @property
    def labels(self) -> Labels | None:
        """Of each policy; None as long as no classifier has answered."""
        ...

    async def classify(self, text: str) -> Classification:
        """Within its budget, and never fails but for a text that nobody can classify: RequestError."""
        ...
