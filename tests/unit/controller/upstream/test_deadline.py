"""One timer for many waits: each has its own deadline, and another cancellation does not count as a timeout."""

import asyncio

import pytest

from edge_router.controller.upstream.deadline import DeadlineTimer

SHORT = 0.02
"""Seconds."""
LONG = 30


async def wait(timer: DeadlineTimer, seconds: float, duration: float) -> None:
    """Sleeps for `duration` with a deadline in `seconds`."""
    with timer.until(timer.now() + seconds):
        await asyncio.sleep(duration)


async def test_a_wait_ends_at_its_deadline() -> None:
    timer = DeadlineTimer()
    started = timer.now()
    with pytest.raises(TimeoutError):
        await wait(timer, SHORT, LONG)
    assert SHORT / 2 < timer.now() - started < LONG / 10


async def test_each_wait_has_its_own_deadline() -> None:
    timer = DeadlineTimer()
    for _ in range(5):
        await wait(timer, 3 * SHORT, SHORT)
    with pytest.raises(TimeoutError):
        await wait(timer, 3 * SHORT, LONG)
    await wait(timer, LONG, 4 * SHORT)
    with pytest.raises(TimeoutError):  # a deadline before that of the last wait
        await wait(timer, SHORT, LONG / 10)
    timer.close()


async def test_no_task_is_ended_between_two_waits() -> None:
    timer = DeadlineTimer()
    await wait(timer, SHORT, 0)
    await asyncio.sleep(3 * SHORT)
    await wait(timer, SHORT, 0)
    timer.close()
    await asyncio.sleep(3 * SHORT)


@pytest.mark.parametrize("seconds", [LONG, SHORT], ids=["alone", "in the same iteration of the loop"])
async def test_a_cancelled_task_is_cancelled(seconds: float) -> None:
    loop = asyncio.get_running_loop()
    deadline = loop.time() + seconds

    async def waits() -> None:
        timer = DeadlineTimer()
        try:
            with timer.until(deadline):
                await asyncio.sleep(LONG)
        finally:
            timer.close()

    waiting = asyncio.create_task(waits())
    loop.call_at(min(deadline, loop.time() + SHORT), waiting.cancel)
    with pytest.raises(asyncio.CancelledError):
        await waiting


async def test_the_timeout_of_an_outer_wait_is_not_the_inner_ones() -> None:
    outer, inner = DeadlineTimer(), DeadlineTimer()
    with pytest.raises(TimeoutError), outer.until(outer.now() + SHORT):
        await wait(inner, LONG, LONG)
    await wait(inner, LONG, 2 * SHORT)
    for each in (outer, inner):
        each.close()


async def test_an_error_raised_at_the_timeout_is_kept() -> None:
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
