"""The decision without an answer: what is asked of the router, and how its plan is told."""

from typing import Any

import orjson
import pytest

from edge_router.controller.api.dry_run import BATCH, route
from edge_router.controller.api.operations import surfaces
from edge_router.controller.api.request import LlmRequest, RoutingHint
from edge_router.controller.classifier import DecisionSource
from edge_router.controller.classifier.decision import Decision
from edge_router.controller.config import TextConfig
from edge_router.controller.routing.plan import Plan
from edge_router.errors import RequestError

DECISION = Decision("Code", {"Code": 0.75, "Chatbot": 0.25}, 0.5)
PLAN = Plan(
    ("large", "small"),
    "triton",
    "task_router",
    DECISION,
    "Code",
    rule="long",
    source=DecisionSource.SERVER,
    decisions={"task_router": DECISION},
)
CHAT = surfaces(TextConfig(), frozenset())["/v1/chat/completions"]


async def routed(body: Any, plan: Plan = PLAN) -> tuple[Any, list[LlmRequest]]:
    """(what is answered, what the router was asked)."""
    asked: list[LlmRequest] = []

    async def planned(request: LlmRequest) -> Plan:
        asked.append(request)
        return plan

    content = body if isinstance(body, bytes) else orjson.dumps(body)
    answer = await route(content, CHAT, planned, {"large": "large-model", "small": "small-model"})
    return orjson.loads(answer), asked


async def test_a_decision_is_told_with_its_reasons() -> None:
    answer, _ = await routed({"input": "sort a list"})
    assert answer == {
        "object": "route",
        "upstreams": ["large", "small"],
        "model": "large-model",
        "strategy": "triton",
        "policy": "task_router",
        "label": "Code",
        "confidence": 0.75,
        "score": 0.5,
        "probabilities": {"Code": 0.75, "Chatbot": 0.25},
        "decisions": {"task_router": {"label": "Code", "score": 0.5, "probabilities": {"Code": 0.75, "Chatbot": 0.25}}},
        "rule": "long",
        "source": "server",
        "level": "server",
        "degraded": None,
    }


async def test_a_plan_that_nobody_decided_is_told_too() -> None:
    answer, _ = await routed({"input": "hi"}, Plan(("small",), "pinned"))
    assert (answer["model"], answer["strategy"], answer["label"]) == ("small-model", "pinned", None)
    assert (answer["confidence"], answer["score"], answer["probabilities"]) == (None, None, None)


@pytest.mark.parametrize(
    ("body", "hint"),
    [
        ({"input": "hi"}, RoutingHint(model="auto")),
        ({"input": "hi", "model": "small"}, RoutingHint(model="small")),
        ({"input": "hi", "policy": "complexity_router"}, RoutingHint("complexity_router")),
        ({"messages": [{"role": "user", "content": "hi"}]}, RoutingHint(model="auto")),
        ({"messages": [{"role": "user", "content": "hi"}], "model": "small"}, RoutingHint(model="small")),
        (
            {"messages": [{"role": "user", "content": "hi"}], "nim-llm-router": {"policy": "task_router"}},
            RoutingHint("task_router"),
        ),
    ],
)
async def test_the_router_is_asked_as_a_chat_would_ask(body: dict[str, Any], hint: RoutingHint) -> None:
    _, [asked] = await routed(body)
    assert (asked.hint, asked.text) == (hint, "hi")


async def test_a_chats_other_fields_are_seen() -> None:
    _, [asked] = await routed({"input": "hi", "tools": [{"type": "function"}]})
    assert asked.features.tools


async def test_a_list_is_answered_in_its_order() -> None:
    texts = [f"text {number}" for number in range(BATCH)]
    answer, asked = await routed({"input": texts})
    assert [request.text for request in asked] == texts
    assert (answer["object"], len(answer["data"])) == ("list", BATCH)


@pytest.mark.parametrize(
    ("body", "named"),
    [
        (b"{", "JSON"),
        ([], "JSON object"),
        ({}, "messages"),
        ({"input": 7}, "input"),
        ({"input": [7]}, "input"),
        ({"input": "hi", "policy": 7}, "policy"),
        ({"input": "hi", "model": 7}, "model"),
        ({"input": ["hi"] * (BATCH + 1)}, "65 texts"),
    ],
)
async def test_a_wrong_body_is_refused_by_the_name_of_what_is_wrong(body: Any, named: str) -> None:
    with pytest.raises(RequestError, match=named):
        await routed(body)
