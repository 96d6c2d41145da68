"""`python -m edge_router.controller` as a container runs it: environment, log, shutdown."""

import asyncio
import json
import os
import signal
import sys
from asyncio.subprocess import PIPE, STDOUT, Process
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import pytest

from edge_router.controller.config import RouterConfig
from tests.api.conftest import RouterServer, Upstream, in_two
from tests.support.controller import PATIENT_MS, answering
from tests.support.ports import unused_port

CHAT = "/v1/chat/completions"
CANARY = "canary-7f3a"
BODY = {"model": "auto", "messages": [{"role": "user", "content": CANARY}]}


@dataclass
class Controller:
    process: Process
    client: aiohttp.ClientSession

    async def log(self) -> str:
        """Everything it wrote, once it has ended."""
        assert self.process.stdout is not None
        return (await self.process.stdout.read()).decode()


async def start(**variables: object) -> Process:
    """On an unused port if the variables name none: the default one may be in use."""
    given = {"PORT": unused_port()} | variables
    environment = os.environ | {f"EDGE_ROUTER_{name}": str(value) for name, value in given.items()}
    command = [sys.executable, "-m", "edge_router.controller"]
    return await asyncio.create_subprocess_exec(*command, stdout=PIPE, stderr=STDOUT, env=environment)


@pytest.fixture
def file(tmp_path: Path, routes: RouterConfig) -> Path:
    file = tmp_path / "routes.yaml"
    file.write_text(routes.model_dump_json(exclude_none=True))
    return file


@pytest.fixture
async def controller(file: Path, server: RouterServer) -> AsyncIterator[Controller]:
    port = unused_port()
    process = await start(ROUTES=file, CLASSIFIER_URL=server.url, CLASSIFIER_BUDGET_MS=PATIENT_MS, PORT=port)
    try:
        async with aiohttp.ClientSession(f"http://127.0.0.1:{port}") as client:
            await answering(client)
            while True:
                async with client.get("/health/ready") as reply:
                    if reply.status == 200:
                        break
                await asyncio.sleep(0.05)
            yield Controller(process, client)
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


@pytest.mark.parametrize("stop", [signal.SIGTERM, signal.SIGINT])
async def test_a_running_stream_is_finished_before_shutdown(
    controller: Controller, upstream: Upstream, stop: signal.Signals
) -> None:
    more = asyncio.Event()
    upstream.answer = in_two(more)
    async with controller.client.post(CHAT, json=BODY) as reply:
        assert await reply.content.readany() == b"data: 1\n\n"
        controller.process.send_signal(stop)
        await asyncio.sleep(0.5)
        more.set()
        assert await reply.read() == b"data: [DONE]\n\n"
    assert await controller.process.wait() == 0, await controller.log()


@pytest.mark.parametrize(
    ("variable", "value"), [("PORT", "none"), ("CLASSIFIER_BUDGET_MS", "0"), ("CLASSIFIER_URL", "router-server:8000")]
)
async def test_a_wrong_variable_is_refused_by_name(file: Path, variable: str, value: str) -> None:
    process = await start(**{"ROUTES": file, variable: value})
    said, _ = await process.communicate()
    assert process.returncode == 1
    assert said.decode().startswith(f"edge-router-controller: EDGE_ROUTER_{variable}: ")
    assert len(said.splitlines()) == 1


async def test_a_wrong_routes_file_is_refused_by_file_and_key(file: Path) -> None:
    file.write_text(file.read_text().replace('"default":"small"', '"default":"tiny"'))
    process = await start(ROUTES=file)
    said, _ = await process.communicate()
    assert process.returncode == 1
    assert said.decode().startswith(f"edge-router-controller: {file}:1: ")
    assert "default: 'tiny'" in said.decode()


async def test_without_routes_the_demo_answers_until_a_file_is_written(
    file: Path, server: RouterServer, upstream: Upstream
) -> None:
    """The file of the quick start holds only comments at first."""
    routes = file.read_text()
    file.write_text("# nothing yet")
    port = unused_port()
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("OLLAMA_HOST", f"127.0.0.1:{unused_port()}")
        process = await start(ROUTES=file, CLASSIFIER_URL=server.url, CLASSIFIER_BUDGET_MS=PATIENT_MS, PORT=port)
    try:
        async with aiohttp.ClientSession(f"http://127.0.0.1:{port}") as client:
            await answering(client)
            async with client.post(CHAT, json=BODY) as reply:
                assert "not a language model" in await reply.text()
            assert upstream.requests == []
            file.write_text(routes)
            process.send_signal(signal.SIGHUP)
            async with asyncio.timeout(30):
                while not upstream.requests:
                    async with client.post(CHAT, json=BODY):
                        await asyncio.sleep(0.05)
    finally:
        process.kill()
        said, _ = await process.communicate()
    [serving, warning] = map(json.loads, said.splitlines()[:2])
    assert (serving["event"], warning["level"]) == ("serving", "warning")
    assert "demo-small" in serving["upstreams"]["small"]
    assert "the built-in demo answers" in warning["event"]
