"""Private parts of aiohttp and uvicorn that the package extends. pyproject.toml bounds both libraries from above.

A failure names the file to adapt; after that the bound can be raised.
"""

import asyncio
import tomllib
from collections.abc import AsyncIterator
from functools import partial
from importlib.metadata import version
from pathlib import Path
from unittest.mock import Mock

import aiohttp
import pytest
import uvicorn
from aiohttp.client_proto import ResponseHandler
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

ROOT = Path(__file__).parents[2]
CONNECTOR = "edge_router/controller/upstream/connector.py"
CONNECTION = "edge_router/asgi/connection.py"
PROCESS = "edge_router/asgi/process.py"


def has(owner: object, names: str, library: str, file: str) -> None:
    """Fails with the name that `owner` lacks, and the file that uses it."""
    for name in names.split():
        assert hasattr(owner, name), f"{library} {version(library)}: {owner!r} has no {name}, which {file} uses"


async def test_aiohttp_makes_its_connections_by_a_factory() -> None:
    connector = aiohttp.TCPConnector()
    has(connector, "_factory _loop", "aiohttp", CONNECTOR)
    assert isinstance(connector._factory, partial)
    assert connector._factory.func is ResponseHandler
    await connector.close()


async def test_aiohttp_pauses_and_resumes_a_connection_by_name() -> None:
    handler = ResponseHandler(asyncio.get_running_loop())
    has(handler, "_reading_paused resume_reading", "aiohttp", CONNECTOR)
    assert handler._reading_paused is False
    handler.resume_reading(True)


@pytest.fixture
async def protocol() -> AsyncIterator[HttpToolsProtocol]:
    """A connection of uvicorn's that has received one request."""

    async def application(scope: object, receive: object, send: object) -> None:
        """Nothing."""

    config = uvicorn.Config(application, ws="none", lifespan="off", interface="asgi3", log_config=None)
    state = ServerState()
    protocol = HttpToolsProtocol(config, state, {}, asyncio.get_running_loop())
    transport = Mock(asyncio.Transport)
    transport.get_extra_info.return_value = None
    protocol.connection_made(transport)
    protocol.data_received(b"POST / HTTP/1.1\r\nhost: localhost\r\ncontent-length: 1\r\n\r\n")
    yield protocol
    await asyncio.gather(*state.tasks)


async def test_uvicorns_connection_has_the_parts_that_ours_extends(protocol: HttpToolsProtocol) -> None:
    callbacks = "connection_made connection_lost data_received"
    has(protocol, callbacks, "uvicorn", CONNECTION)
    callbacks = "on_message_begin on_header on_headers_complete on_body on_response_complete"
    has(protocol, callbacks, "uvicorn", CONNECTION)
    has(protocol, "loop transport cycle _unset_keepalive_if_required", "uvicorn", CONNECTION)
    has(protocol.cycle, "response_complete more_body", "uvicorn", CONNECTION)


def test_uvicorns_server_has_the_parts_that_ours_extends() -> None:
    has(uvicorn.Server(uvicorn.Config("unused:app")), "capture_signals should_exit serve", "uvicorn", PROCESS)


@pytest.mark.parametrize("library", ["aiohttp", "uvicorn"])
def test_a_library_whose_private_parts_are_used_has_an_upper_bound(library: str) -> None:
    dependencies = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]
    [bounds] = [each for each in dependencies if each.startswith(library + ">=")]
    assert ",<" in bounds
