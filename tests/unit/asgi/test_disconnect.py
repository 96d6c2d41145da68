import asyncio
from collections.abc import Iterator
from typing import Any

import pytest

from edge_router.asgi.disconnect import GRACE_SECONDS, CancelOnDisconnect, ClientDisconnectedError


def client(messages: Iterator[dict[str, Any]]) -> Any:
    async def receive() -> dict[str, Any]:
        for message in messages:
            return message
        await asyncio.Event().wait()
        raise AssertionError

    return receive


async def test_work_is_cancelled_when_the_client_leaves() -> None:
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


async def test_work_of_a_client_that_stays_is_finished() -> None:
    async with CancelOnDisconnect(client(iter([]))):
        await asyncio.sleep(GRACE_SECONDS * 2)


async def test_somebody_elses_cancellation_stays_one() -> None:
    async def work() -> None:
        async with CancelOnDisconnect(client(iter([]))):
            await asyncio.sleep(30)

    task = asyncio.create_task(work())
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
