"""A concurrency limit: order, bounds and cancellation of its queue."""

import asyncio

import pytest

from edge_router.controller.upstream.limiter import ConcurrencyLimiter, QueueFullError


async def test_requests_run_in_the_order_of_their_arrival() -> None:
    limiter = ConcurrencyLimiter(concurrency=2, queue=10)
    order: list[int] = []

    async def work(at: int) -> None:
        await limiter.acquire(30)
        order.append(at)
        await asyncio.sleep(0)
        limiter.release()

    await asyncio.gather(*(work(at) for at in range(10)))
    assert order == list(range(10))
    assert (limiter.running, limiter.waiting) == (0, 0)


async def test_a_new_request_cannot_take_a_granted_place() -> None:
    limiter = ConcurrencyLimiter(concurrency=1, queue=1)
    await limiter.acquire(30)
    waiting = asyncio.create_task(limiter.acquire(30))
    await asyncio.sleep(0)
    limiter.release()
    assert not limiter.is_free
    await waiting
    assert limiter.running == 1


async def test_a_full_queue_raises() -> None:
    limiter = ConcurrencyLimiter(concurrency=1, queue=1)
    await limiter.acquire(30)
    waiting = asyncio.create_task(limiter.acquire(30))
    await asyncio.sleep(0)
    with pytest.raises(QueueFullError):
        await limiter.acquire(30)
    limiter.release()
    await waiting


async def test_a_wait_has_a_timeout() -> None:
    limiter = ConcurrencyLimiter(concurrency=1, queue=1)
    await limiter.acquire(30)
    with pytest.raises(TimeoutError):
        await limiter.acquire(0.01)
    assert limiter.waiting == 0


@pytest.mark.parametrize("granted", [False, True])
async def test_the_place_of_a_cancelled_request_is_not_lost(granted: bool) -> None:
    limiter = ConcurrencyLimiter(concurrency=1, queue=2)
    await limiter.acquire(30)
    cancelled, waiting = (asyncio.create_task(limiter.acquire(30)) for _ in range(2))
    await asyncio.sleep(0)
    if granted:
        limiter.release()
    cancelled.cancel()
    if not granted:
        limiter.release()
    await asyncio.wait_for(waiting, 5)
    limiter.release()
    assert (limiter.running, limiter.waiting) == (0, 0)
