"""CancelOnDisconnect: when it cancels the work on a request."""

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest

from edge_router.asgi.disconnect import WATCH_AFTER_SECONDS, CancelOnDisconnect, ClientDisconnectedError


def client(messages: Iterator[dict[str, Any]]) -> Any:
    async def receive() -> dict[str, Any]:
        for message in messages:
            return message
        await asyncio.Event().wait()
        raise AssertionError

    return receive


async def test_work_is_cancelled_when_the_client_disconnects() -> None:
    cancelled = asyncio.Event()

    async def work() -> None:
        async with CancelOnDisconnect(client(iter([{"type": "http.request"}, {"type": "http.disconnect"}]))):
            try:
                await asyncio.sleep(30)
            finally:
                cancelled.set()

    with pytest.raises(ClientDisconnectedError):
        await work()
    assert cancelled.is_set()
    await asyncio.sleep(0)  # the task itself goes on


async def test_work_is_finished_when_the_client_stays_connected() -> None:
    async with CancelOnDisconnect(client(iter([]))):
        await asyncio.sleep(WATCH_AFTER_SECONDS * 2)


async def test_a_cancellation_from_outside_stays_a_cancelled_error() -> None:
    async def work() -> None:
        async with CancelOnDisconnect(client(iter([]))):
            await asyncio.sleep(30)

    task = asyncio.create_task(work())
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
