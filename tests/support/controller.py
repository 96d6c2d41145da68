"""A controller over real HTTP, and a classifier whose decisions a test sets."""

import asyncio
from collections.abc import AsyncIterator
from concurrent.futures import Future
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Protocol

import aiohttp

from edge_router.asgi.process import serve_http
from edge_router.contract import COMPLEXITY_ROUTER, TASK_ROUTER
from edge_router.controller.app import create_app
from edge_router.controller.auth import AccessKeys
from edge_router.controller.classifier import Labels
from edge_router.controller.classifier.decision import Decision, Decisions
from edge_router.controller.config import RouterConfig
from edge_router.controller.runtime import Controller
from edge_router.controller.settings import Settings
from tests.support.ports import free_ports

LABELS = {TASK_ROUTER: ["Chatbot", "Code", "Zoé"], COMPLEXITY_ROUTER: ["Reasoning", "Creativity"]}
PATIENT_MS = 60_000
"""Budget of a classifier, in ms; a busy machine does not exceed it."""


@dataclass
class GivenClassifier:
    """Returns the decision in its fields once `answering` is set; raises `failure` if there is one."""

    label: str = "Code"
    score: float = 0.25
    failure: Exception | None = None
    answering: asyncio.Event = field(default_factory=asyncio.Event)
    discovered: bool = True
    seconds: float = 0
    texts: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.answering.set()

    async def labels(self) -> Labels:
        if not self.discovered:
            await asyncio.Event().wait()
        return LABELS

    def submit(self, text: str, labels: Labels) -> "Future[Decisions]":
        return asyncio.run_coroutine_threadsafe(self.classify(text, labels), asyncio.get_running_loop())

    async def classify(self, text: str, labels: Labels) -> Decisions:
        self.texts.append(text)
        await self.answering.wait()
        if self.failure:
            raise self.failure
        task = {label: 0.8 if label == self.label else 0.1 for label in LABELS[TASK_ROUTER]}
        complexity = Decision("Reasoning", {"Reasoning": 0.75, "Creativity": 0.25}, self.score)
        return {TASK_ROUTER: Decision(self.label, task, None), COMPLEXITY_ROUTER: complexity}


class Control(Protocol):
    async def __call__(
        self, routes: RouterConfig, classifier: GivenClassifier | None = None, **settings: Any
    ) -> aiohttp.ClientSession: ...


@asynccontextmanager
async def controllers() -> AsyncIterator[Control]:
    """Starts controllers in their own server, with `classifier` or the one that `settings` name; returns a client."""
    async with AsyncExitStack() as stack:

        async def start(
            routes: RouterConfig, classifier: GivenClassifier | None = None, **settings: Any
        ) -> aiohttp.ClientSession:
            [port] = free_ports(1)
            stopped = asyncio.Event()
            taken = Settings.model_validate({"port": port, "classifier_budget_ms": PATIENT_MS, **settings})
            keys = AccessKeys(taken.keys) if taken.keys else None
            controller = Controller(routes, taken, local=classifier, keys=keys)
            serving = serve_http(
                create_app(controller), "127.0.0.1", port, stopped, receive_seconds=taken.receive_seconds
            )
            stack.push_async_callback(asyncio.wait_for, asyncio.create_task(serving), timeout=30)
            stack.callback(stopped.set)
            client = await stack.enter_async_context(aiohttp.ClientSession(f"http://127.0.0.1:{port}"))
            await answering(client)
            return client

        yield start


async def answering(client: aiohttp.ClientSession) -> None:
    async with asyncio.timeout(60):
        while True:
            try:
                async with client.get("/health/live"):
                    return
            except aiohttp.ClientConnectorError:
                await asyncio.sleep(0.01)
