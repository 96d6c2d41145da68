import asyncio

import pytest

from edge_router.controller.upstream.limiter import ConcurrencyLimiter, QueueFullError


async def test_who_waits_longest_is_next_and_nobody_overtakes() -> None:
    limiter = ConcurrencyLimiter(concurrency=2, queue=10)
    turns: list[int] = []

    async def work(at: int) -> None:
        await limiter.enter(30)
        turns.append(at)
        await asyncio.sleep(0)
        limiter.leave()

    await asyncio.gather(*(work(at) for at in range(10)))
    assert turns == list(range(10))
    assert (limiter.running, limiter.waiting) == (0, 0)


async def test_a_newcomer_finds_no_place_that_is_promised() -> None:
    limiter = ConcurrencyLimiter(concurrency=1, queue=1)
    await limiter.enter(30)
    waiting = asyncio.create_task(limiter.enter(30))
    await asyncio.sleep(0)
    limiter.leave()
    assert not limiter.free
    await waiting
    assert limiter.running == 1


async def test_no_more_may_wait_than_there_is_room_for() -> None:
    limiter = ConcurrencyLimiter(concurrency=1, queue=1)
    await limiter.enter(30)
    waiting = asyncio.create_task(limiter.enter(30))
    await asyncio.sleep(0)
    with pytest.raises(QueueFullError):
        await limiter.enter(30)
    limiter.leave()
    await waiting


async def test_waiting_has_an_end() -> None:
    limiter = ConcurrencyLimiter(concurrency=1, queue=1)
    await limiter.enter(30)
    with pytest.raises(TimeoutError):
        await limiter.enter(0.01)
    assert limiter.waiting == 0


@pytest.mark.parametrize("promised", [False, True])
async def test_a_place_of_one_who_gives_up_is_not_lost(promised: bool) -> None:
    limiter = ConcurrencyLimiter(concurrency=1, queue=2)
    await limiter.enter(30)
    leaver, stayer = (asyncio.create_task(limiter.enter(30)) for _ in range(2))
    await asyncio.sleep(0)
    if promised:
        limiter.leave()
    leaver.cancel()
    if not promised:
        limiter.leave()
    await asyncio.wait_for(stayer, 5)
    limiter.leave()
    assert (limiter.running, limiter.waiting) == (0, 0)
