"""What routing says of a request: the upstreams that may answer it, in order, and why."""

from collections.abc import Sequence
from dataclasses import dataclass

from edge_router.controller.classification.decision import Decision
from edge_router.controller.record import Record

STRATEGY_PINNED = "pinned"
"""The client named the upstream; nothing was classified."""


@dataclass(frozen=True)
class Plan:
    """`upstreams` are names of `routes.yaml`, at least one; the first that can answers. `shadow` is asked too, and its
    answer dropped."""

    upstreams: Sequence[str]
    strategy: str
    policy: str | None = None
    decision: Decision | None = None
    label: str | None = None
    rule: str | None = None
    level: str | None = None
    """Of the ladder: server, local, cached; `rules` or `default` where nobody decided. None where nothing had to be."""
    degraded: str | None = None
    """Why it is not the answer that a healthy system would give."""
    shadow: str | None = None
    classified_in: float | None = None
    """Seconds."""

    def headers(self, upstream: str, model: str) -> dict[str, str]:
        """What a reply says of the choice: the old contract's header and `x-edge-router-*`. Values are ASCII, whatever
        labels and names hold."""
        raise NotImplementedError

    def describe(self, record: Record) -> None:
        """Puts what is known here into the request's record."""
        raise NotImplementedError
