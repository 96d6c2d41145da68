"""A prompt, a client's key and an upstream's key pass every endpoint and every fault, and no output shows them."""

import asyncio
import json
import os
import sys
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
import pytest
from aiohttp import web

from edge_router.controller.auth import AccessKeyConfig, KeyFile, digest
from edge_router.controller.telemetry.telemetry import TRACES_VARIABLE
from tests.api.conftest import Handler, RouterServer, Serve, Upstream, completion
from tests.support.controller import answering
from tests.support.ports import unused_port

CANARY = "canary"
PROMPT = f"{CANARY}-prompt"
KEY = f"er-{CANARY}-key"
UPSTREAM_KEY = f"{CANARY}-upstream-key"
BEARER = {"authorization": f"Bearer {KEY}"}

MESSAGES = {"messages": [{"role": "user", "content": PROMPT}]}
BODIES: dict[str, dict[str, Any]] = {
    "/v1/chat/completions": MESSAGES,
    "/completions": {"prompt": PROMPT},
    "/v1/embeddings": {"input": PROMPT},
    "/v1/responses": {"input": PROMPT},
    "/v1/messages": {**MESSAGES, "max_tokens": 9},
    "/v1/messages/count_tokens": MESSAGES,
    "/api/chat": MESSAGES,
    "/api/generate": {"prompt": PROMPT},
    "/api/embed": {"input": PROMPT},
    "/api/embeddings": {"prompt": PROMPT},
    "/v1/route": MESSAGES,
}
MODELS = ("auto", "small", "large", "gone")


def telling(status: int, content_type: str = "application/json") -> Handler:
    """An upstream that repeats all it was told."""

    async def answer(request: web.Request) -> web.StreamResponse:
        told = f"{await request.text()} {dict(request.headers)}"
        body = json.dumps({"error": {"message": told}}) if content_type == "application/json" else told
        return web.Response(status=status, text=body, content_type=content_type, headers={"location": f"/{PROMPT}"})

    return answer


async def breaking_off(request: web.Request) -> web.StreamResponse:
    stream = web.StreamResponse(headers={"content-type": "text/event-stream"})
    await stream.prepare(request)
    await stream.write(b'data: {"choices":[{"index":0,"delta":{"content":"good"}}]}\n\n')
    assert request.transport is not None
    request.transport.abort()
    return stream


FAULTS: dict[str, Handler] = {
    "none": completion,
    "500": telling(500),
    "503": telling(503),
    "HTML": telling(502, "text/html"),
    "redirect": telling(307),
    "broken off": breaking_off,
}


@dataclass
class Collector:
    """An OTLP receiver."""

    came: list[bytes] = field(default_factory=list)

    async def reply(self, request: web.Request) -> web.StreamResponse:
        self.came.append(await request.read())
        return web.Response()


@dataclass
class Seen:
    """All that a process shows. `shown`: of each reply, head and body."""

    client: aiohttp.ClientSession
    shown: list[str] = field(default_factory=list)

    async def ask(self, method: str, path: str, **more: Any) -> None:
        try:
            async with self.client.request(method, path, **more) as reply:
                self.shown.append(f"{method} {path} {reply.status} {reply.headers} {await reply.text()}")
        except aiohttp.ClientError as error:
            self.shown.append(f"{method} {path} {error!r}")


@pytest.fixture
def routes_file(tmp_path: Path, upstream: Upstream) -> Path:
    (tmp_path / "upstream.key").write_text(UPSTREAM_KEY)
    api_key = {"file": str(tmp_path / "upstream.key")}
    routes = {
        "upstreams": {
            "small": {"url": upstream.url, "model": "small-model", "api_key": api_key},
            "large": {"kind": "ollama", "url": upstream.url, "model": "large-model", "api_key": api_key},
            "gone": {"url": f"http://127.0.0.1:{unused_port()}/v1", "model": "gone-model", "api_key": api_key},
        },
        "default": "small",
        "policies": {"task_router": {"routes": {"Code": "large"}}},
    }
    file = tmp_path / "routes.yaml"
    file.write_text(json.dumps(routes))
    return file


@pytest.fixture
async def collector(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> Collector:
    collector = Collector()
    monkeypatch.setenv(TRACES_VARIABLE, await serve(collector.reply))
    return collector


@pytest.fixture
async def process(
    tmp_path: Path, routes_file: Path, server: RouterServer, collector: Collector
) -> AsyncIterator[tuple[asyncio.subprocess.Process, aiohttp.ClientSession]]:
    KeyFile(keys=[AccessKeyConfig(name="phone", sha256=digest(KEY.encode()).hex())]).write(tmp_path / "keys.yaml")
    port = unused_port()
    variables = {
        "ROUTES": routes_file,
        "KEYS": tmp_path / "keys.yaml",
        "CLASSIFIER_URL": server.url,
        "PORT": port,
        "LOG_LEVEL": "debug",
        "BREAKER_FAILURES": 1000,
        "RETRIES": 1,
        "RETRY_BUDGET": 1,
    }
    environment = os.environ | {f"EDGE_ROUTER_{name}": str(value) for name, value in variables.items()}
    command = [sys.executable, "-X", "dev", "-m", "edge_router.controller"]
    process = await asyncio.create_subprocess_exec(*command, stdout=PIPE, stderr=PIPE, env=environment)
    try:
        async with aiohttp.ClientSession(f"http://127.0.0.1:{port}") as client:
            await answering(client)
            yield process, client
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def test_no_prompt_and_no_key_appears_in_any_output(
    process: tuple[asyncio.subprocess.Process, aiohttp.ClientSession],
    upstream: Upstream,
    server: RouterServer,
    collector: Collector,
) -> None:
    running, client = process
    reading = asyncio.create_task(running.communicate())
    seen = Seen(client)

    for name, fault in FAULTS.items():
        upstream.answer = fault
        for path, body in BODIES.items():
            for model in MODELS if name == "none" else MODELS[:2]:
                for stream in (False, True):
                    asked = body | {"model": model, "stream": stream}
                    await seen.ask("POST", path, json=asked, headers=BEARER)
    assert any(PROMPT.encode() in request.content for request in upstream.requests)
    assert any(UPSTREAM_KEY in str(request.headers) for request in upstream.requests)
    assert not any(KEY in str(request.headers) for request in upstream.requests)

    upstream.answer = completion
    server.status = 503
    for path, body in BODIES.items():
        whole = msgspec.json.encode(body | {"model": "auto", "more": PROMPT})
        await seen.ask("POST", path, data=whole.replace(b"prompt", b"unheard"), headers=BEARER)
        for wrong in (whole[:-1], whole + b"x", b'"' + PROMPT.encode(), PROMPT.encode()):
            await seen.ask("POST", path, data=wrong, headers=BEARER)
        for key in body:
            for value in (PROMPT, {PROMPT: PROMPT}, [PROMPT, 1], [{"role": PROMPT, "content": {PROMPT: 1}}], 7):
                await seen.ask("POST", path, json=body | {"model": "auto", key: value}, headers=BEARER)
        for headers in (
            {"authorization": f"Bearer {KEY}-wrong"},
            {"authorization": f"Basic {KEY}"},
            {"x-api-key": KEY, "authorization": f"Bearer {KEY}-wrong"},
            {"cookie": KEY, "traceparent": PROMPT, "host": f"{CANARY}.example.com"},
            {"traceparent": f"00-{CANARY}", "tracestate": CANARY},
        ):
            await seen.ask("POST", path, data=whole, headers=headers, params={"key": KEY})
    for path in ("/config", "/metrics", "/v1/models", "/api/tags", "/health/ready", "/openapi.json"):
        await seen.ask("GET", path, headers=BEARER)

    running.terminate()
    out, err = await asyncio.wait_for(reading, 60)
    assert running.returncode == 0, err.decode()
    told = [line for line in map(json.loads, out.splitlines()) if line["event"] == "request"]
    assert {line["outcome"] for line in told} >= {"answered", "refused", "upstream_failed", "stream_interrupted"}
    assert {line.get("source") for line in told} >= {"server", "default", None}
    assert sum(map(len, collector.came)) > 0
    places = [*seen.shown, out.decode(), err.decode(), *(spans.decode("latin-1") for spans in collector.came)]
    assert [place[max(place.find(CANARY) - 300, 0) :][:400] for place in places if CANARY in place] == []
