"""A third policy, added to the repository by files alone, on real Triton and on the light server: found there, and
decided alike, over HTTP and over gRPC."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import aiohttp
import pytest

from edge_router.contract import COMPLEXITY_ROUTER, PROMPT_ROUTER_ENSEMBLE, TASK_ROUTER
from edge_router.controller.classifier.decision import Decisions
from edge_router.controller.classifier.remote import RemoteClassifier
from edge_router.v2.client import Client, InferenceClient
from edge_router.v2.grpc import GrpcClient
from tests.stack.triton import Server, triton_server
from tests.support.light_server import Light, light_server
from tests.support.third_policy import CHAT, CODE, LABELS, POLICY, third_policy

PROMPTS = (CODE, CHAT, "", "Summarise the plot of Hamlet in three sentences.")


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return third_policy(tmp_path_factory.mktemp("third"))


@pytest.fixture(scope="module")
def triton(models: Path) -> Iterator[Server]:
    with triton_server(models, last=PROMPT_ROUTER_ENSEMBLE) as server:
        yield server


@pytest.fixture(scope="module")
def light(models: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Light]:
    with light_server(tmp_path_factory.mktemp("light") / "log", "--repository", str(models)) as server:
        yield server


async def decided(client: Client) -> list[Decisions]:
    """The decisions for every prompt, by labels that the server gives."""
    classifier = RemoteClassifier(client)
    labels = await classifier.labels()
    assert list(labels) == [TASK_ROUTER, COMPLEXITY_ROUTER, POLICY]
    assert labels[POLICY] == LABELS
    found = [await classifier.classify(prompt, labels) for prompt in PROMPTS]
    await client.close()
    return found


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


async def test_every_server_and_protocol_finds_it_and_decides_alike(
    triton: Server, light: Light, session: aiohttp.ClientSession
) -> None:
    first, *others = [
        await decided(client)
        for server in (triton, light)
        for client in (InferenceClient(f"http://{server.http}", session), GrpcClient(f"http://{server.grpc}"))
    ]
    assert [each[POLICY].label for each in first] == ["large", "small", "small", "large"]
    for other in others:
        for one, another in zip(first, other, strict=True):
            for policy, decision in one.items():
                assert another[policy].label == decision.label
                assert another[policy].score == pytest.approx(decision.score, abs=1e-4)
                assert another[policy].probabilities == pytest.approx(decision.probabilities, abs=1e-4)
