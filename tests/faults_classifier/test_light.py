"""The light server, stopped and killed, and equal decisions over both protocols."""

import asyncio
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from edge_router.controller.classifier import Classification, ClassifierFault, DecisionSource
from edge_router.controller.classifier.chain import ClassifierChain
from edge_router.controller.config import ClassifierConfig
from tests.faults_classifier.conftest import BUDGET_MS, classified, until, well
from tests.support.light_server import Light, light_server

PROMPTS = ("Write a Python function that reverses a linked list.", "hi there, how are you?", "名前は何ですか?", "")


@pytest.fixture
def light(tmp_path: Path) -> Iterator[Light]:
    with light_server(tmp_path / "log") as server:
        yield server


@asynccontextmanager
async def chain_over(light: Light, protocol: str) -> AsyncIterator[ClassifierChain]:
    url = f"http://{light.http if protocol == 'http' else light.grpc}"
    section = {"urls": [url], "protocol": protocol, "budget_ms": BUDGET_MS, "cache": {"size": 0}}
    chain = ClassifierChain(ClassifierConfig.model_validate(section), None, lambda labels: None)
    chain.start()
    try:
        await well(chain)
        yield chain
    finally:
        await chain.close()


async def test_both_protocols_give_the_same_decisions(light: Light) -> None:
    async with chain_over(light, "http") as over_http, chain_over(light, "grpc") as over_grpc:
        assert over_http.labels == over_grpc.labels
        for text in PROMPTS:
            one, other = await classified(over_http, text), await classified(over_grpc, text)
            assert one == other
            assert one.source == "server"


@pytest.mark.parametrize("protocol", ["http", "grpc"])
async def test_a_halted_server_is_ejected_and_restored(light: Light, protocol: str) -> None:
    async with chain_over(light, protocol) as chain:
        light.process.send_signal(signal.SIGSTOP)
        try:
            assert await classified(chain, "one") == Classification(DecisionSource.NONE, None, ClassifierFault.SLOW)
            async with asyncio.timeout(3):
                await until(lambda: not chain.replicas[0].up)
            assert (await classified(chain, "two")).reason == "classifier unavailable"
        finally:
            light.process.send_signal(signal.SIGCONT)
        await well(chain)
