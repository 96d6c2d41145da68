"""Stickiness of a user or a conversation: its side of a split, its shadow, its upstream."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pytest

from edge_router.cli.dry_run import DryRunRequest
from edge_router.controller.api import RequestFeatures
from edge_router.controller.caller import Caller
from edge_router.controller.config import AffinityConfig
from edge_router.controller.routing.affinity import Affinity
from edge_router.controller.routing.router import Router
from tests.unit.controller.routing.scenario import UPSTREAMS, Classifier, context, llm_request, planned, routes

PARTIES = 2000
ORDER = {"order": ["small", "large"], "minutes": 30}
NEEDS_LARGE = RequestFeatures(tools=True)
RULES = [{"when": {"tools": True}, "to": "large"}]


async def firsts(content: Mapping[str, Any], requests: list[DryRunRequest]) -> list[str]:
    router = Router(routes(**content), Classifier())
    return [(await router.plan(request, context())).upstreams[0] for request in requests]


async def test_a_split_divides_conversations_by_weight() -> None:
    content = {"default": "canary", "splits": {"canary": {"large": 9, "medium": 1}}}
    sides = Counter(await firsts(content, [llm_request(conversation=str(at)) for at in range(PARTIES)]))
    assert set(sides) == {"large", "medium"}
    assert sides["medium"] == pytest.approx(PARTIES / 10, rel=0.25)


@pytest.mark.parametrize("by", ["user", "conversation"])
async def test_the_same_user_or_conversation_is_on_the_same_side_in_every_process(by: str) -> None:
    content = {"default": "canary", "splits": {"canary": {"large": 1, "medium": 1}}}
    requests = [llm_request(**{by: f"party {at}"}) for at in range(8)]
    sides = await firsts(content, requests)
    assert sides == ["large", "large", "large", "medium", "large", "large", "medium", "medium"]
    assert await firsts(content, requests) == sides


async def test_a_user_stays_on_one_side_in_all_conversations() -> None:
    content = {"default": "canary", "splits": {"canary": {"large": 1, "medium": 1}}}
    assert len(set(await firsts(content, [llm_request(user="u", conversation=str(at)) for at in range(20)]))) == 1


async def test_splits_and_fallbacks_may_be_nested() -> None:
    content = {
        "default": "outer",
        "splits": {"outer": {"careful": 1, "inner": 1}, "inner": {"medium": 1}},
        "fallbacks": {"careful": ["inner", "large"]},
    }
    router = Router(routes(**content), Classifier())
    plans = [await router.plan(llm_request(conversation=str(at)), context()) for at in range(20)]
    assert {tuple(plan.upstreams) for plan in plans} == {("medium", "large"), ("medium",)}


async def test_a_shadow_gets_its_share_of_the_conversations() -> None:
    router = Router(routes(shadows={"small": {"to": "large", "share": 0.1}}), Classifier())
    shadows = Counter(
        [(await router.plan(llm_request(conversation=str(at)), context())).shadow for at in range(PARTIES)]
    )
    assert set(shadows) == {"large", None}
    assert shadows["large"] == pytest.approx(PARTIES / 10, rel=0.25)


@pytest.mark.parametrize(
    "around",
    [context("large"), context(caller=Caller("k", frozenset({"small"})))],
    ids=["down", "not allowed"],
)
async def test_a_shadow_that_cannot_answer_is_skipped(around: Any) -> None:
    content = {"shadows": {"small": {"to": "large"}}}
    assert (await planned(content)).shadow == "large"
    assert (await planned(content, around=around)).shadow is None


@dataclass
class Clock:
    minutes: float = 0

    def __call__(self) -> float:
        return self.minutes * 60


class Kept:
    """A router with affinity and a clock of its own."""

    def __init__(self, **section: Any) -> None:
        self.clock = Clock()
        content = routes(affinity={**ORDER, **section}, rules=RULES, background_tasks="small", embeddings="small")
        self.router = Router(content, Classifier(), Affinity(AffinityConfig(**{**ORDER, **section}), self.clock))

    async def first(self, *, needs: bool = False, around: Any = None, model: str = "auto", **request: Any) -> str:
        features = NEEDS_LARGE if needs else RequestFeatures()
        plan = await self.router.plan(llm_request(model, features=features, **request), around or context())
        return plan.upstreams[0]


async def test_a_conversation_moves_up_at_once_and_down_only_after_a_while() -> None:
    kept = Kept()
    assert await kept.first() == "small"
    assert await kept.first(needs=True) == "large"
    kept.clock.minutes = 29
    assert await kept.first() == "large"
    kept.clock.minutes = 31
    assert await kept.first() == "small"


async def test_only_requests_that_need_the_upstream_extend_the_stay() -> None:
    kept = Kept()
    await kept.first(needs=True)
    kept.clock.minutes = 20
    assert await kept.first(needs=True) == "large"
    kept.clock.minutes = 45
    assert await kept.first() == "large"
    kept.clock.minutes = 51
    assert await kept.first() == "small"


async def test_another_conversation_does_not_move() -> None:
    kept = Kept()
    await kept.first(needs=True, conversation="one")
    assert await kept.first(conversation="two") == "small"
    assert await kept.first(conversation="one", around=context(caller=Caller("another key"))) == "small"


async def test_affinity_may_follow_the_user_or_a_header() -> None:
    by_user = Kept(by="user")
    await by_user.first(needs=True, user="u", conversation="one")
    assert await by_user.first(user="u", conversation="two") == "large"
    assert await by_user.first(conversation="one") == "small"
    by_header = Kept(by="header X-Session")
    session = context(headers={"x-session": "s"})
    await by_header.first(needs=True, around=session)
    assert await by_header.first(around=session, conversation="two") == "large"
    assert await by_header.first() == "small"


async def test_a_conversation_leaves_an_upstream_that_is_down_and_returns() -> None:
    kept = Kept()
    await kept.first(needs=True)
    assert await kept.first(around=context("large")) == "small"
    assert await kept.first() == "large"


async def test_a_conversation_leaves_an_upstream_whose_context_is_too_small() -> None:
    bounded = {**UPSTREAMS, "large": {**UPSTREAMS["large"], "context": 100}}
    router = Router(routes(upstreams=bounded, affinity=ORDER, rules=RULES), Classifier())
    assert (await router.plan(llm_request(features=NEEDS_LARGE), context())).upstreams[0] == "large"
    assert (await router.plan(llm_request(features=RequestFeatures(tokens=101)), context())).upstreams[0] == "small"


async def test_pinned_requests_and_background_tasks_have_no_affinity() -> None:
    kept = Kept()
    await kept.first(needs=True)
    assert await kept.first(model="small") == "small"
    background_task = llm_request(features=RequestFeatures(background_task=True))
    assert (await kept.router.plan(background_task, context())).upstreams[0] == "small"


@pytest.mark.parametrize(("changed", "upstream"), [({}, "large"), ({"minutes": 5}, "small")])
async def test_a_new_config_keeps_conversations_while_its_affinity_is_the_same(
    changed: dict[str, Any], upstream: str
) -> None:
    kept = Kept()
    await kept.first(needs=True)
    new = routes(affinity={**ORDER, **changed}, rules=RULES, default="small", text={"earlier_turns": 1})
    kept.router = kept.router.reconfigured(new, Classifier())
    assert await kept.first() == upstream
