"""One request as rules see it: parts of it are worked out when a rule first asks for them."""

import time
from functools import cached_property
from hashlib import blake2b
from typing import NamedTuple

from edge_router.controller.asked import Asked, Features
from edge_router.controller.classification.decision import Decision, Decisions
from edge_router.controller.classification.judge import Judge, Judgement
from edge_router.controller.routing.circumstances import Circumstances


class Step(NamedTuple):
    """Something that was looked at on the way to a plan. `why`: it did not decide; None: it did."""

    key: str
    why: str | None


class View:
    def __init__(self, asked: Asked, circumstances: Circumstances, judge: Judge, policy: str) -> None:
        """`policy`: whose confidence rules speak of."""
        self.asked = asked
        self.circumstances = circumstances
        self.policy = policy
        self.judgement: Judgement | None = None
        self.classified_in: float | None = None
        """Seconds."""
        self.steps: list[Step] = []
        self._judge = judge

    @cached_property
    def features(self) -> Features:
        return self.asked.features

    @cached_property
    def party(self) -> str:
        """Who stays on one side of a split: the user, where the client says who it is, else the conversation."""
        return self.asked.user or self.asked.conversation

    def share(self, salt: str) -> float:
        """0..1, the same for the same party."""
        digest = blake2b(f"{salt}\0{self.party}".encode("utf-8", "surrogatepass"), digest_size=8).digest()
        return int.from_bytes(digest) / 2**64

    async def classify(self) -> Decisions | None:
        """Asks once. None when nobody can say. Raises RequestError."""
        if self.judgement is None:
            started = time.perf_counter()
            self.judgement = await self._judge.judge(self.asked.text)
            self.classified_in = time.perf_counter() - started
        return self.judgement.decisions

    @property
    def decisions(self) -> Decisions | None:
        return self.judgement.decisions if self.judgement else None

    @property
    def decision(self) -> Decision | None:
        """The policy's."""
        return self.decisions.get(self.policy) if self.decisions else None

    def note(self, key: str, why: str | None) -> str | None:
        self.steps.append(Step(key, why))
        return why
