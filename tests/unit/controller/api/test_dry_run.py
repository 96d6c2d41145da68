"""`/v1/route`: the request that is routed, and the form of the decision."""

import json
from collections.abc import Mapping
from typing import Any

import pytest

from edge_router.controller.api import LlmRequest, RoutingHint, answer_dry_run
from edge_router.controller.api.dry_run import MAX_TEXTS
from edge_router.errors import RequestError

DECISION = {"object": "route", "label": "Code"}


async def decided(body: Any) -> tuple[Any, list[LlmRequest]]:
    """Returns (the answer, the requests that were routed)."""
    requests: list[LlmRequest] = []

    async def decide(request: LlmRequest) -> Mapping[str, Any]:
        requests.append(request)
        return DECISION

    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return json.loads(await answer_dry_run(content, {"small"}, decide)), requests


@pytest.mark.parametrize(
    ("body", "hint"),
    [
        ({"input": "hi"}, RoutingHint(model="auto")),
        ({"input": "hi", "model": "small"}, RoutingHint(model="small")),
        ({"input": "hi", "model": "small:latest"}, RoutingHint(model="small")),
        ({"input": "hi", "policy": "complexity_router"}, RoutingHint("complexity_router")),
        ({"messages": [{"role": "user", "content": "hi"}]}, RoutingHint(model="auto")),
        ({"messages": [{"role": "user", "content": "hi"}], "model": "small"}, RoutingHint(model="small")),
        (
            {"messages": [{"role": "user", "content": "hi"}], "nim-llm-router": {"policy": "task_router"}},
            RoutingHint("task_router"),
        ),
    ],
)
async def test_the_request_is_routed_like_a_chat(body: dict[str, Any], hint: RoutingHint) -> None:
    answer, [request] = await decided(body)
    assert answer == DECISION
    assert (request.hint, [message.text for message in request.messages]) == (hint, ["hi"])


async def test_other_fields_of_a_chat_are_read() -> None:
    _, [request] = await decided({"input": "hi", "tools": [{"type": "function"}]})
    assert request.features.tools


async def test_a_list_is_answered_in_its_order() -> None:
    texts = [f"text {number}" for number in range(MAX_TEXTS)]
    answer, requests = await decided({"input": texts})
    assert [request.messages[0].text for request in requests] == texts
    assert (answer["object"], answer["data"]) == ("list", [DECISION] * MAX_TEXTS)


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
        ({"input": ["hi"] * (MAX_TEXTS + 1)}, "65 texts"),
    ],
)
async def test_a_wrong_body_is_refused_by_the_name_of_what_is_wrong(body: Any, named: str) -> None:
    with pytest.raises(RequestError, match=named):
        await decided(body)
