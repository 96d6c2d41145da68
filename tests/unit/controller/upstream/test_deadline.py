"""One timer for many waits: each ends in its own time, and another cancellation does not count as its end."""

import asyncio

import pytest

from edge_router.controller.upstream.deadline import DeadlineTimer

SHORT = 0.02
"""Seconds."""
LONG = 30


async def wait(timer: DeadlineTimer, seconds: float, for_: float) -> None:
    with timer.until(timer.now() + seconds):
        await asyncio.sleep(for_)


async def test_a_wait_ends_in_its_time() -> None:
    timer = DeadlineTimer()
    response_started = timer.now()
    with pytest.raises(TimeoutError):
        await wait(timer, SHORT, LONG)
    assert SHORT / 2 < timer.now() - response_started < LONG / 10


async def test_each_wait_has_its_own_time() -> None:
    timer = DeadlineTimer()
    for _ in range(5):
        await wait(timer, 3 * SHORT, SHORT)
    with pytest.raises(TimeoutError):
        await wait(timer, 3 * SHORT, LONG)
    await wait(timer, LONG, 4 * SHORT)
    with pytest.raises(TimeoutError):  # and a shorter one than what was waited for before
        await wait(timer, SHORT, LONG / 10)
    timer.close()


async def test_no_task_is_ended_between_two_waits() -> None:
    timer = DeadlineTimer()
    await wait(timer, SHORT, 0)
    await asyncio.sleep(3 * SHORT)
    await wait(timer, SHORT, 0)
    timer.close()
    await asyncio.sleep(3 * SHORT)


@pytest.mark.parametrize("seconds", [LONG, SHORT], ids=["alone", "in the same turn of the loop"])
async def test_a_cancelled_task_is_cancelled(seconds: float) -> None:
    loop = asyncio.get_running_loop()
    ends = loop.time() + seconds

    async def waits() -> None:
        timer = DeadlineTimer()
        try:
            with timer.until(ends):
                await asyncio.sleep(LONG)
        finally:
            timer.close()

    waiting = asyncio.create_task(waits())
    loop.call_at(min(ends, loop.time() + SHORT), waiting.cancel)
    with pytest.raises(asyncio.CancelledError):
        await waiting


async def test_the_end_of_a_wait_around_it_is_not_its_own() -> None:
    outer, inner = DeadlineTimer(), DeadlineTimer()
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

    timer = DeadlineTimer()
    with pytest.raises(ConnectionResetError), timer.until(timer.now() + SHORT):
        await fails()
    await wait(timer, LONG, SHORT)
    timer.close()
