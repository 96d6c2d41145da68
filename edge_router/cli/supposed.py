"""A request that nobody sent, and the network in this process to say what it is."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from edge_router.contract import POLICIES, PROMPT_ROUTER_ENSEMBLE, ensemble
from edge_router.controller.asked import Ask, Features, Outgoing
from edge_router.controller.caller import Caller
from edge_router.controller.classification.classifier import Labels, prompt, read
from edge_router.controller.classification.decision import Decisions
from edge_router.controller.classification.judge import Judgement
from edge_router.controller.operation import Operation
from edge_router.controller.routing.circumstances import Circumstances
from edge_router.pipeline import Pipeline


@dataclass(frozen=True)
class Supposed:
    """A chat request; satisfies `Asked`."""

    text: str
    ask: Ask
    features: Features = field(default_factory=Features)
    operation: Operation = Operation.CHAT
    stream: bool = False
    user: str | None = None
    conversation: str = ""

    def outgoing(self, speaks: frozenset[Operation], model: str) -> Outgoing | None:
        return Outgoing(self.operation, b"") if self.operation in speaks else None


@dataclass
class Here:
    """The `Judge`, without a budget."""

    pipeline: Pipeline
    labels: Labels = field(init=False)

    def __post_init__(self) -> None:
        self.labels = {policy: self.pipeline.labels(ensemble(policy)) for policy in POLICIES}

    def decisions(self, text: str) -> Decisions:
        return read(self.pipeline.infer(PROMPT_ROUTER_ENSEMBLE, prompt(text)), self.labels)

    async def judge(self, text: str) -> Judgement:
        return Judgement("local", self.decisions(text))


def circumstances(headers: Mapping[str, str], down: frozenset[str] = frozenset()) -> Circumstances:
    """Now, with all upstreams there but those that are `down`."""
    return Circumstances(headers, Caller(), lambda name: name not in down, datetime.now().astimezone())
