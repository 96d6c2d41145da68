"""`POST /v1/route` returns the decision that a chat would get, and sends nothing to an upstream."""

import aiohttp

from tests.api.conftest import Upstream
from tests.support.controller import GivenClassifier


async def test_the_decision_is_that_of_a_chat(client: aiohttp.ClientSession, upstream: Upstream) -> None:
    async with client.post("/v1/route", json={"input": "sort a list"}) as reply:
        assert reply.status == 200
        decision = await reply.json()
    assert upstream.requests == []
    body = {"model": "auto", "messages": [{"role": "user", "content": "sort a list"}]}
    async with client.post("/v1/chat/completions", json=body) as reply:
        told = {key.removeprefix("x-edge-router-"): value for key, value in reply.headers.items()}
    assert (decision["upstreams"][0], decision["model"]) == (told["upstream"], told["model"])
    assert (decision["policy"], decision["label"]) == (told["policy"], told["label"])


async def test_each_text_of_a_list_is_decided(client: aiohttp.ClientSession, classifier: GivenClassifier) -> None:
    body = {"input": ["one", "two"], "policy": "complexity_router"}
    async with client.post("/v1/route", json=body) as reply:
        answer = await reply.json()
    assert [decision["policy"] for decision in answer["data"]] == ["complexity_router"] * 2
    assert sorted(classifier.texts) == ["one", "two"]


async def test_a_wrong_body_is_refused(client: aiohttp.ClientSession) -> None:
    async with client.post("/v1/route", data=b"{") as reply:
        assert (reply.status, (await reply.json())["error"]["type"]) == (400, "invalid_request_error")


async def test_an_unknown_policy_is_not_found(client: aiohttp.ClientSession) -> None:
    async with client.post("/v1/route", json={"input": "hi", "policy": "mood_router"}) as reply:
        assert reply.status == 404
