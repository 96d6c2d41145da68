import asyncio

import pytest

from edge_router.controller.upstream.limiter import ConcurrencyLimiter, QueueFullError


async def test_who_waits_longest_is_next_and_nobody_overtakes() -> None:
    limiter = ConcurrencyLimiter(concurrency=2, queue=10)
    turns: list[int] = []

    async def work(at: int) -> None:
        await limiter.acquire(30)
        turns.append(at)
        await asyncio.sleep(0)
        limiter.release()

    await asyncio.gather(*(work(at) for at in range(10)))
    assert turns == list(range(10))
    assert (limiter.running, limiter.waiting) == (0, 0)


async def test_a_newcomer_finds_no_place_that_is_promised() -> None:
    limiter = ConcurrencyLimiter(concurrency=1, queue=1)
    await limiter.acquire(30)
    waiting = asyncio.create_task(limiter.acquire(30))
    await asyncio.sleep(0)
    limiter.release()
    assert not limiter.is_free
    await waiting
    assert limiter.running == 1


async def test_no_more_may_wait_than_there_is_room_for() -> None:
    limiter = ConcurrencyLimiter(concurrency=1, queue=1)
    await limiter.acquire(30)
    waiting = asyncio.create_task(limiter.acquire(30))
    await asyncio.sleep(0)
    with pytest.raises(QueueFullError):
        await limiter.acquire(30)
    limiter.release()
    await waiting


async def test_waiting_has_an_end() -> None:
    limiter = ConcurrencyLimiter(concurrency=1, queue=1)
    await limiter.acquire(30)
    with pytest.raises(TimeoutError):
        await limiter.acquire(0.01)
    assert limiter.waiting == 0


@pytest.mark.parametrize("promised", [False, True])
async def test_a_place_of_one_who_gives_up_is_not_lost(promised: bool) -> None:
    limiter = ConcurrencyLimiter(concurrency=1, queue=2)
    await limiter.acquire(30)
    leaver, stayer = (asyncio.create_task(limiter.acquire(30)) for _ in range(2))
    await asyncio.sleep(0)
    if promised:
        limiter.release()
    leaver.cancel()
    if not promised:
        limiter.release()
    await asyncio.wait_for(stayer, 5)
    limiter.release()
    assert (limiter.running, limiter.waiting) == (0, 0)
