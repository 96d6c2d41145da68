"""One timer for many waits: each ends in its own time, and nobody else's cancellation is taken for its end."""

import asyncio

import pytest

from edge_router.controller.upstreams.patience import Patience

SHORT = 0.02
"""Seconds."""
LONG = 30


async def wait(patience: Patience, seconds: float, for_: float) -> None:
    with patience.until(patience.now() + seconds):
        await asyncio.sleep(for_)


async def test_a_wait_ends_in_its_time() -> None:
    patience = Patience()
    began = patience.now()
    with pytest.raises(TimeoutError):
        await wait(patience, SHORT, LONG)
    assert SHORT / 2 < patience.now() - began < LONG / 10


async def test_each_wait_has_its_own_time() -> None:
    patience = Patience()
    for _ in range(5):
        await wait(patience, 3 * SHORT, SHORT)
    with pytest.raises(TimeoutError):
        await wait(patience, 3 * SHORT, LONG)
    await wait(patience, LONG, 4 * SHORT)
    with pytest.raises(TimeoutError):  # and a shorter one than what was waited for before
        await wait(patience, SHORT, LONG / 10)
    patience.close()


async def test_no_task_is_ended_between_two_waits() -> None:
    patience = Patience()
    await wait(patience, SHORT, 0)
    await asyncio.sleep(3 * SHORT)
    await wait(patience, SHORT, 0)
    patience.close()
    await asyncio.sleep(3 * SHORT)


@pytest.mark.parametrize("seconds", [LONG, SHORT], ids=["alone", "in the same turn of the loop"])
async def test_a_cancelled_task_is_cancelled(seconds: float) -> None:
    loop = asyncio.get_running_loop()
    ends = loop.time() + seconds

    async def waits() -> None:
        patience = Patience()
        try:
            with patience.until(ends):
                await asyncio.sleep(LONG)
        finally:
            patience.close()

    waiting = asyncio.create_task(waits())
    loop.call_at(min(ends, loop.time() + SHORT), waiting.cancel)
    with pytest.raises(asyncio.CancelledError):
        await waiting


async def test_the_end_of_a_wait_around_it_is_not_its_own() -> None:
    outer, inner = Patience(), Patience()
    with pytest.raises(TimeoutError), outer.until(outer.now() + SHORT):
        await wait(inner, LONG, LONG)
    await wait(inner, LONG, 2 * SHORT)
    for each in (outer, inner):
        each.close()


async def test_an_error_that_a_wait_ends_with_stays_what_it_is() -> None:
    async def fails() -> None:
        try:
            await asyncio.sleep(LONG)
        except asyncio.CancelledError:
            raise ConnectionResetError from None

    patience = Patience()
    with pytest.raises(ConnectionResetError), patience.until(patience.now() + SHORT):
        await fails()
    await wait(patience, LONG, SHORT)
    patience.close()
