"""A changed `routes.yaml` is reloaded while the controller runs; a wrong one changes nothing and is logged."""

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from edge_router.controller.config import RouterConfig
from edge_router.controller.config.watch import watch_config
from edge_router.errors import ConfigError

TEXT = "upstreams: {small: {url: http://h/v1, model: MODEL}}\ndefault: small\npolicies: {task_router: {}}\n"
POLL_SECONDS = 0.01
NEVER = 3600


class Watched:
    """A file and what came of it. `problem`: why the callback takes nothing."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self.hup = asyncio.Event()
        self.problem: str | None = None
        self.models: asyncio.Queue[str] = asyncio.Queue()
        self.write("first")

    def write(self, model: str) -> None:
        self.file.write_text(TEXT.replace("MODEL", model))

    async def changed(self, routes: RouterConfig) -> None:
        await self.models.put(routes.upstreams["small"].model)
        if self.problem:
            raise ConfigError(self.problem)

    async def next(self) -> str:
        return await asyncio.wait_for(self.models.get(), 20)


@asynccontextmanager
async def watching(watched: Watched, poll_seconds: float = POLL_SECONDS) -> AsyncIterator[Watched]:
    task = asyncio.create_task(watch_config(watched.file, watched.changed, watched.hup, poll_seconds))
    await asyncio.sleep(0)  # it has seen the file as it is
    try:
        yield watched
        assert not task.done()
    finally:
        task.cancel()


async def eventually(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not holds():
            await asyncio.sleep(POLL_SECONDS)


async def test_a_changed_file_is_taken(tmp_path: Path) -> None:
    async with watching(Watched(tmp_path / "routes.yaml")) as watched:
        watched.write("second")
        assert await watched.next() == "second"
        watched.write("third")
        assert await watched.next() == "third"
        assert watched.models.empty()


async def test_a_file_put_in_the_place_of_another_is_taken(tmp_path: Path) -> None:
    """As editors and Kubernetes do it: by a rename, and by a link to another folder; as old and as large as before."""
    async with watching(Watched(tmp_path / "routes.yaml")) as watched:
        other = Watched(tmp_path / "other.yaml")
        other.write("other")
        since = watched.file.stat().st_mtime_ns
        os.utime(other.file, ns=(since, since))
        other.file.rename(watched.file)
        assert await watched.next() == "other"
        other.write("linked")
        (tmp_path / "link").symlink_to(other.file)
        (tmp_path / "link").rename(watched.file)
        assert await watched.next() == "linked"


async def test_a_signal_has_it_read_at_once_whether_it_changed_or_not(tmp_path: Path) -> None:
    async with watching(Watched(tmp_path / "routes.yaml"), poll_seconds=NEVER) as watched:
        watched.hup.set()
        assert await watched.next() == "first"
        watched.write("second")
        watched.hup.set()
        assert await watched.next() == "second"


@pytest.mark.parametrize(
    ("break_it", "problem"),
    [
        (lambda file: file.write_text(TEXT.replace("default: small", "defualt: small")), "routes.yaml:2: defualt"),
        (lambda file: file.write_text("upstreams: ["), "routes.yaml:1: "),
        (lambda file: file.unlink(), "No such file"),
        (lambda file: file.write_text("# all of it is a comment"), "routes.yaml:1: "),
    ],
    ids=["wrong", "no YAML", "gone", "emptied"],
)
async def test_a_wrong_file_changes_nothing_and_the_log_says_why(
    tmp_path: Path, break_it: Callable[[Path], object], problem: str
) -> None:
    with capture_logs() as logs:
        async with watching(Watched(tmp_path / "routes.yaml")) as watched:
            break_it(watched.file)
            await eventually(lambda: len(logs) > 0)
            assert (logs[0]["event"], logs[0]["log_level"]) == ("config not reloaded", "error")
            assert problem in logs[0]["problem"]
            watched.write("right again")
            assert await watched.next() == "right again"
            await eventually(lambda: logs[-1]["event"] == "config reloaded")
    assert len(logs) == 2


async def test_who_refuses_the_routes_is_heard(tmp_path: Path) -> None:
    with capture_logs() as logs:
        async with watching(Watched(tmp_path / "routes.yaml")) as watched:
            watched.problem = "no such label"
            watched.write("second")
            assert await watched.next() == "second"
            await eventually(lambda: len(logs) > 0)
            watched.problem = None
            watched.write("third")
            assert await watched.next() == "third"
    assert (logs[0]["event"], logs[0]["problem"]) == ("config not reloaded", "no such label")
