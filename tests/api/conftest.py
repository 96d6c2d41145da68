"""An upstream that stands in for an LLM, a router-server whose decisions a test sets, and a controller before them."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Any, Protocol

import aiohttp
import msgspec
import pytest
from aiohttp import web

from edge_router.contract import COMPLEXITY_ROUTER, TASK_ROUTER, output_prefix
from edge_router.controller.config import RouterConfig
from tests.support.controller import LABELS, Control, GivenClassifier, controllers

DECISIONS: Mapping[str, tuple[str, list[Any]]] = {
    "TASK": ("FP32", [0, 1, 0]),
    "TASK_LABEL": ("BYTES", ["Code"]),
    "TASK_PROBABILITIES": ("FP32", [0.125, 0.75, 0.125]),
    "COMPLEXITY": ("FP32", [1, 0]),
    "COMPLEXITY_LABEL": ("BYTES", ["Reasoning"]),
    "COMPLEXITY_PROBABILITIES": ("FP32", [0.75, 0.25]),
    "COMPLEXITY_SCORE": ("FP32", [0.25]),
}
"""The decision of a `RouterServer` on every prompt: (data type, data) by output."""

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass(frozen=True)
class ReceivedRequest:
    headers: Mapping[str, str]
    content: bytes

    @property
    def body(self) -> Any:
        return msgspec.json.decode(self.content)


async def completion(request: web.Request) -> web.StreamResponse:
    fields = msgspec.json.decode(await request.read())
    message = {"role": "assistant", "content": "good day"}
    choice = {"index": 0, "message": message, "finish_reason": "stop"}
    head = {"id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": fields["model"]}
    return web.json_response(head | {"choices": [choice]})


@dataclass
class Upstream:
    """Answers with `answer`. `cancelled` is set when a client disconnects during a request."""

    url: str = ""
    answer: Handler = completion
    requests: list[ReceivedRequest] = field(default_factory=list)
    cancelled: asyncio.Event = field(default_factory=asyncio.Event)

    async def reply(self, request: web.Request) -> web.StreamResponse:
        if request.method == "GET":  # a health probe
            return web.json_response({"object": "list", "data": []})
        self.requests.append(ReceivedRequest(request.headers, await request.read()))
        try:
            return await self.answer(request)
        except asyncio.CancelledError:
            self.cancelled.set()
            raise

    @property
    def last(self) -> Any:
        """The body of the last request."""
        return self.requests[-1].body


@dataclass
class RouterServer:
    """A server of the V2 protocol. It classifies once `answering` is set."""

    url: str = ""
    status: int = 200
    decisions: dict[str, tuple[str, list[Any]]] = field(default_factory=lambda: dict(DECISIONS))
    labels: dict[str, list[Any]] = field(
        default_factory=lambda: {
            output_prefix(policy): [f"0.0:{at}:{label}" for at, label in reversed(list(enumerate(labels)))]
            for policy, labels in LABELS.items()
        }
    )
    answering: asyncio.Event = field(default_factory=asyncio.Event)

    async def reply(self, request: web.Request) -> web.StreamResponse:
        if request.method == "GET":
            return web.json_response({"outputs": [{"name": name} for name in DECISIONS]})
        if b"classification" in await request.read():
            return outputs({prefix: ("BYTES", labels) for prefix, labels in self.labels.items()})
        await self.answering.wait()
        return outputs(self.decisions) if self.status == 200 else web.Response(status=self.status)


def outputs(found: Mapping[str, tuple[str, list[Any]]]) -> web.Response:
    return web.json_response(
        {
            "outputs": [
                {"name": name, "datatype": datatype, "shape": [1, len(data)], "data": data}
                for name, (datatype, data) in found.items()
            ]
        }
    )


def in_two(more: asyncio.Event) -> Handler:
    """A stream of two events, the second once `more` is set."""

    async def reply(request: web.Request) -> web.StreamResponse:
        stream = web.StreamResponse(headers={"content-type": "text/event-stream"})
        await stream.prepare(request)
        await stream.write(b"data: 1\n\n")
        await more.wait()
        await stream.write(b"data: [DONE]\n\n")
        return stream

    return reply


class Serve(Protocol):
    async def __call__(self, handler: Handler) -> str: ...


@pytest.fixture
async def serve(control: Control) -> AsyncIterator[Serve]:
    """Serves a handler for every path on a port of its own and returns the URL. Ends before the controller, which would
    wait for a running answer."""
    async with AsyncExitStack() as stack:

        async def start(handler: Handler) -> str:
            application = web.Application(client_max_size=2**30)
            application.router.add_route("*", "/{path:.*}", handler)
            runner = web.AppRunner(application, handler_cancellation=True, shutdown_timeout=0)
            stack.push_async_callback(runner.cleanup)
            await runner.setup()
            site = web.TCPSite(runner, "127.0.0.1", 0)
            await site.start()
            host, port = runner.addresses[0][:2]
            return f"http://{host}:{port}"

        yield start


@pytest.fixture
async def control() -> AsyncIterator[Control]:
    async with controllers() as start:
        yield start


@pytest.fixture
async def upstream(serve: Serve) -> Upstream:
    upstream = Upstream()
    upstream.url = f"{await serve(upstream.reply)}/v1"
    return upstream


@pytest.fixture
async def server(serve: Serve) -> RouterServer:
    server = RouterServer()
    server.answering.set()
    server.url = await serve(server.reply)
    return server


@pytest.fixture
def classifier() -> GivenClassifier:
    return GivenClassifier()


@pytest.fixture
def routes(upstream: Upstream) -> RouterConfig:
    """Code and demanding prompts go to `large`, all else to `small`; both are the one `upstream`."""
    return RouterConfig.model_validate(
        {
            "upstreams": {
                "small": {"url": upstream.url, "model": "small-model"},
                "large": {"url": upstream.url, "model": "large-model"},
            },
            "default": "small",
            "policies": {
                TASK_ROUTER: {"routes": {"Code": "large"}},
                COMPLEXITY_ROUTER: {"score": [{"at_least": 0.5, "upstream": "large"}]},
            },
        }
    )


@pytest.fixture
async def client(control: Control, routes: RouterConfig, classifier: GivenClassifier) -> aiohttp.ClientSession:
    return await control(routes, classifier)
