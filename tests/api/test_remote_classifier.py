"""A controller with a router-server: its decisions are followed, its failures cost no answer."""

import asyncio
from collections.abc import Mapping
from typing import Any

import aiohttp
import pytest

from edge_router.controller.config import RouterConfig
from tests.api.conftest import RouterServer, Upstream
from tests.support.controller import Control, GivenClassifier
from tests.support.ports import unused_port

BODY = {"model": "auto", "messages": [{"role": "user", "content": "sort a list"}]}


@pytest.fixture
async def client(control: Control, routes: RouterConfig, server: RouterServer) -> aiohttp.ClientSession:
    client = await control(routes, classifier_url=server.url)
    await ready(client)
    return client


async def ready(client: aiohttp.ClientSession) -> None:
    while await problem(client):
        await asyncio.sleep(0.05)


async def problem(client: aiohttp.ClientSession) -> str | None:
    """What keeps the controller from being ready."""
    async with client.get("/health/ready") as reply:
        found: str = (await reply.json())["classifier"]
        return None if reply.status == 200 else found


async def said(client: aiohttp.ClientSession) -> Mapping[str, str]:
    async with client.post("/v1/chat/completions", json=BODY) as reply:
        assert reply.status == 200, await reply.text()
        return reply.headers


async def test_the_servers_decision_is_followed(client: aiohttp.ClientSession, upstream: Upstream) -> None:
    headers = await said(client)
    assert upstream.last["model"] == "large-model"
    assert (headers["x-chosen-classifier"], headers["x-edge-router-confidence"]) == ("Code", "0.75")


@pytest.mark.parametrize(
    ("name", "tensor"),
    [
        pytest.param("TASK_LABEL", None, id="no label"),
        pytest.param("TASK_LABEL", ("BYTES", ["Cooking"]), id="foreign label"),
        pytest.param("TASK_LABEL", ("BYTES", []), id="empty label"),
        pytest.param("TASK_LABEL", ("BYTES", [7]), id="number for label"),
        pytest.param("TASK_LABEL", ("FP32", [7]), id="float label"),
        pytest.param("TASK_LABEL", ("UINT8", [7]), id="unknown data type"),
        pytest.param("TASK_PROBABILITIES", None, id="no probabilities"),
        pytest.param("TASK_PROBABILITIES", ("FP32", [1.0]), id="too few probabilities"),
        pytest.param("TASK_PROBABILITIES", ("BYTES", ["a", "b", "c"]), id="text for probabilities"),
        pytest.param("TASK_PROBABILITIES", ("FP32", [0.0, float("nan"), 0.0]), id="probability no number"),
        pytest.param("COMPLEXITY_SCORE", ("FP32", []), id="empty score"),
        pytest.param("COMPLEXITY_SCORE", ("BYTES", ["high"]), id="text for score"),
    ],
)
async def test_the_default_answers_when_a_server_returns_nonsense(
    client: aiohttp.ClientSession, server: RouterServer, name: str, tensor: tuple[str, list[Any]] | None
) -> None:
    del server.decisions[name]
    if tensor:
        server.decisions[name] = tensor
    headers = await said(client)
    assert (headers["x-edge-router-degraded"], headers["x-edge-router-upstream"]) == ("classifier wrong", "small")


@pytest.mark.parametrize("status", [500, 503])
async def test_the_default_answers_when_a_server_fails(
    client: aiohttp.ClientSession, server: RouterServer, status: int
) -> None:
    server.status = status
    headers = await said(client)
    assert (headers["x-edge-router-degraded"], headers["x-edge-router-upstream"]) == ("classifier unavailable", "small")


@pytest.mark.parametrize("status", [400, 404])
async def test_the_default_answers_when_a_server_has_no_model(
    client: aiohttp.ClientSession, server: RouterServer, status: int
) -> None:
    server.status = status
    headers = await said(client)
    assert headers["x-edge-router-upstream"] == "small"
    assert "x-edge-router-degraded" in headers


async def test_the_default_answers_when_a_server_exceeds_its_budget(
    control: Control, routes: RouterConfig, server: RouterServer
) -> None:
    client = await control(routes, classifier_url=server.url, classifier_budget_ms=50)
    await ready(client)
    server.answering.clear()
    headers = await said(client)
    assert (headers["x-edge-router-degraded"], headers["x-edge-router-upstream"]) == ("classifier slow", "small")


async def test_the_default_answers_when_a_server_is_down(control: Control, routes: RouterConfig) -> None:
    client = await control(routes, classifier_url=f"http://127.0.0.1:{unused_port()}")
    headers = await said(client)
    assert (headers["x-edge-router-degraded"], headers["x-edge-router-upstream"]) == ("classifier unavailable", "small")


async def test_the_in_process_classifier_answers_when_a_server_is_down(
    control: Control, routes: RouterConfig, classifier: GivenClassifier
) -> None:
    client = await control(routes, classifier, classifier_url=f"http://127.0.0.1:{unused_port()}")
    await ready(client)
    headers = await said(client)
    assert (headers["x-edge-router-degraded"], headers["x-edge-router-upstream"]) == ("classifier unavailable", "large")


async def test_an_unclassified_request_is_counted(control: Control, routes: RouterConfig) -> None:
    client = await control(routes, classifier_url=f"http://127.0.0.1:{unused_port()}")
    await said(client)
    async with client.get("/metrics") as reply:
        counted = [line for line in (await reply.text()).splitlines() if line.startswith("edge_router_degraded_total")]
    assert [line.rpartition(" ")[2] for line in counted] == ["1.0"]


async def test_one_of_two_servers_down_costs_no_decision(
    control: Control, routes: RouterConfig, server: RouterServer
) -> None:
    client = await control(routes, classifier_url=f"http://127.0.0.1:{unused_port()},{server.url}")
    await ready(client)
    headers = await said(client)
    assert "x-edge-router-degraded" not in headers
    assert headers["x-edge-router-upstream"] == "large"


@pytest.mark.parametrize(
    "classes", [[], ["0.5:0"], [7], ["0.5:first:Code"], None], ids=["none", "no names", "numbers", "no index", "absent"]
)
async def test_a_server_is_used_once_its_labels_are_right(
    control: Control, routes: RouterConfig, server: RouterServer, classes: list[Any] | None
) -> None:
    right = server.labels["TASK"]
    if classes is None:
        del server.labels["TASK"]
    else:
        server.labels["TASK"] = classes
    client = await control(routes, classifier_url=server.url)
    async with asyncio.timeout(15):
        while "TASK" not in (await problem(client) or ""):
            await asyncio.sleep(0.05)
        server.labels["TASK"] = right
        await ready(client)
