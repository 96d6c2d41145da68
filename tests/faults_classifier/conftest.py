"""A classifier chain over router-servers on loopback, behind a name whose addresses each test chooses."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack
from typing import Protocol

import pytest

from edge_router.controller.classifier import Classification, replica_pool
from edge_router.controller.classifier.chain import ClassifierChain
from edge_router.controller.classifier.local import LocalClassifier
from edge_router.controller.config import ClassifierConfig
from tests.faults_classifier.router_server import RouterServer

BUDGET_MS = 300
SLACK_SECONDS = 1.0
"""Tolerance for a busy machine."""


class Over(Protocol):
    async def __call__(
        self, *servers: RouterServer, local: LocalClassifier | None = None, budget_ms: int = BUDGET_MS
    ) -> ClassifierChain: ...


@pytest.fixture
def addresses() -> list[str]:
    """The addresses of the name `router-server`."""
    return ["127.0.0.1"]


@pytest.fixture
async def over(addresses: list[str], monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Over]:
    """Starts a chain over servers on one port; both stop when the test ends."""
    monkeypatch.setattr(replica_pool, "RESOLVE_SECONDS", 0.05)

    async def resolve(host: str, port: int) -> Sequence[str]:
        if not addresses:
            raise OSError("no such name")
        return list(addresses)

    async with AsyncExitStack() as stack:

        async def start(
            *servers: RouterServer, local: LocalClassifier | None = None, budget_ms: int = BUDGET_MS
        ) -> ClassifierChain:
            for server in servers:
                stack.push_async_callback(server.stop)
            section = ClassifierConfig.model_validate(
                {"urls": [servers[0].url], "protocol": servers[0].protocol, "budget_ms": budget_ms}
            )
            chain = ClassifierChain(section, local, lambda labels: None, resolve)
            chain.start()
            stack.push_async_callback(chain.close)
            return chain

        yield start


@pytest.fixture(params=["http", "grpc"])
def protocol(request: pytest.FixtureRequest) -> str:
    found: str = request.param
    return found


@pytest.fixture
def server(protocol: str, free_port: int) -> RouterServer:
    return RouterServer(protocol, free_port)


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not condition():
            await asyncio.sleep(0.005)


async def classified(chain: ClassifierChain, text: str) -> Classification:
    """The classification, which must come within BUDGET_MS."""
    async with asyncio.timeout(BUDGET_MS / 1000 + SLACK_SECONDS):
        return await chain.classify(text)


async def well(chain: ClassifierChain) -> None:
    """Waits until a router-server classifies."""
    async with asyncio.timeout(10):
        while (await classified(chain, f"{asyncio.get_running_loop().time()}")).source != "server":
            await asyncio.sleep(0.02)
