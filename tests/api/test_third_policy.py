"""A third policy, added to the repository by files alone: the controller routes by it as by the shipped ones, over the
network in its process and over a light server, by HTTP and by gRPC."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from edge_router.contract import ROUTER_FIELD, TASK_ROUTER
from edge_router.controller.classifier.local import LocalClassifier
from edge_router.controller.config import RouterConfig
from edge_router.pipeline import Pipeline, ensembles
from edge_router.repository import Repository
from tests.api.conftest import Upstream
from tests.support.controller import Control
from tests.support.light_server import Light, light_server
from tests.support.third_policy import CHAT, CODE, POLICY, third_policy

SOURCES = ("in process", "light server, http", "light server, grpc")


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return third_policy(tmp_path_factory.mktemp("third"))


@pytest.fixture(scope="module")
def light(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Light]:
    with light_server(tmp_path_factory.mktemp("light") / "log", "--repository", str(repository)) as server:
        yield server


def config(upstream: Upstream, classifier: dict[str, Any]) -> RouterConfig:
    """Prompts that demand it go to `large`; what certainly does not, to `tiny`."""
    return RouterConfig.model_validate(
        {
            "upstreams": {name: {"url": upstream.url, "model": f"{name}-model"} for name in ("tiny", "small", "large")},
            "default": "small",
            "auto": POLICY,
            "rules": [{"name": "idle", "when": {"score": {POLICY: {"below": 0.01}}, "tools": True}, "to": "tiny"}],
            "policies": {POLICY: {"routes": {"large": "large"}}, TASK_ROUTER: {"routes": {"Code Generation": "tiny"}}},
            "classifier": classifier,
        }
    )


@pytest.fixture(params=SOURCES)
async def client(
    request: pytest.FixtureRequest, control: Control, upstream: Upstream, repository: Path
) -> aiohttp.ClientSession:
    if request.param == SOURCES[0]:
        opened = Repository(repository)
        local: Any = LocalClassifier(Pipeline.load(opened, ensembles(opened)))
        client = await control(config(upstream, {}), local)
    else:
        server: Light = request.getfixturevalue("light")
        protocol = request.param.rpartition(" ")[2]
        url = f"http://{server.grpc if protocol == 'grpc' else server.http}"
        client = await control(config(upstream, {"urls": [url], "protocol": protocol}))
    async with asyncio.timeout(30):
        while True:
            async with client.get("/health/ready") as reply:
                if reply.status == 200:
                    break
            await asyncio.sleep(0.05)
    return client


async def said(client: aiohttp.ClientSession, prompt: str, **fields: Any) -> dict[str, str]:
    """The reply's headers, ours without their prefix."""
    body = {"model": "auto", "messages": [{"role": "user", "content": prompt}], **fields}
    async with client.post("/v1/chat/completions", json=body) as reply:
        assert reply.status == 200, await reply.text()
        return {name.lower().removeprefix("x-edge-router-"): value for name, value in reply.headers.items()}


async def test_it_routes(client: aiohttp.ClientSession, upstream: Upstream) -> None:
    code = await said(client, CODE)
    assert (code["policy"], code["label"], code["upstream"]) == (POLICY, "large", "large")
    assert float(code["score"]) > 0.5
    assert code["x-chosen-classifier"] == "large"
    assert upstream.last["model"] == "large-model"
    chat = await said(client, CHAT)
    assert (chat["label"], chat["upstream"]) == ("small", "small")


async def test_a_rule_on_its_score_matches(client: aiohttp.ClientSession) -> None:
    tools = [{"type": "function", "function": {"name": "clock"}}]
    assert (await said(client, CHAT, tools=tools)).get("rule") == "idle"
    assert "rule" not in await said(client, CODE, tools=tools)


async def test_a_client_may_ask_for_it_by_name_and_by_the_old_contracts_field(client: aiohttp.ClientSession) -> None:
    assert (await said(client, CODE, model=POLICY))["upstream"] == "large"
    field = {"policy": POLICY, "routing_strategy": "triton"}
    assert (await said(client, CODE, **{ROUTER_FIELD: field}))["label"] == "large"
    manual = {"policy": POLICY, "routing_strategy": "manual", "model": "large"}
    assert (await said(client, CHAT, **{ROUTER_FIELD: manual}))["upstream"] == "large"


async def test_the_decision_endpoint_tells_every_policy(client: aiohttp.ClientSession) -> None:
    async with client.post("/v1/route", json={"input": CODE, "policy": POLICY}) as reply:
        found = await reply.json()
    assert (found["policy"], found["label"], found["model"]) == (POLICY, "large", "large-model")
    assert list(found["decisions"]) == [TASK_ROUTER, "complexity_router", POLICY]
    assert set(found["decisions"][POLICY]["probabilities"]) == {"small", "large"}
    assert found["score"] == pytest.approx(found["probabilities"]["large"], abs=1e-5)


async def test_it_is_listed_and_counted(client: aiohttp.ClientSession) -> None:
    await said(client, CODE)
    async with client.get("/v1/models") as reply:
        assert POLICY in [model["id"] for model in (await reply.json())["data"]]
    async with client.get("/metrics") as reply:
        lines = (await reply.text()).splitlines()
    assert 'edge_router_routed_total{label="large",policy="demand_router",upstream="large"} 1.0' in lines
    assert 'requests_per_policy{policy="demand_router"} 1.0' in lines
