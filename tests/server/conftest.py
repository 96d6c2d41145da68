"""The light server for these tests, started once."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.light_server import Light, light_server

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def light(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Light]:
    """The shipped repository with the CPU layer; slow clients are disconnected after 2 seconds."""
    log = tmp_path_factory.mktemp("light") / "log"
    with light_server(log, "--overrides", str(ROOT / "overrides" / "cpu"), receive_seconds="2") as server:
        yield server
