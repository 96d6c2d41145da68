import asyncio

import pytest

from edge_router.controller.upstreams.gate import FullError, Gate


async def test_who_waits_longest_is_next_and_nobody_overtakes() -> None:
    gate = Gate(concurrency=2, queue=10)
    turns: list[int] = []

    async def work(at: int) -> None:
        await gate.enter(30)
        turns.append(at)
        await asyncio.sleep(0)
        gate.leave()

    await asyncio.gather(*(work(at) for at in range(10)))
    assert turns == list(range(10))
    assert (gate.running, gate.waiting) == (0, 0)


async def test_a_newcomer_finds_no_place_that_is_promised() -> None:
    gate = Gate(concurrency=1, queue=1)
    await gate.enter(30)
    waiting = asyncio.create_task(gate.enter(30))
    await asyncio.sleep(0)
    gate.leave()
    assert not gate.free
    await waiting
    assert gate.running == 1


async def test_no_more_may_wait_than_there_is_room_for() -> None:
    gate = Gate(concurrency=1, queue=1)
    await gate.enter(30)
    waiting = asyncio.create_task(gate.enter(30))
    await asyncio.sleep(0)
    with pytest.raises(FullError):
        await gate.enter(30)
    gate.leave()
    await waiting


async def test_waiting_has_an_end() -> None:
    gate = Gate(concurrency=1, queue=1)
    await gate.enter(30)
    with pytest.raises(TimeoutError):
        await gate.enter(0.01)
    assert gate.waiting == 0


@pytest.mark.parametrize("promised", [False, True])
async def test_a_place_of_one_who_gives_up_is_not_lost(promised: bool) -> None:
    gate = Gate(concurrency=1, queue=2)
    await gate.enter(30)
    leaver, stayer = (asyncio.create_task(gate.enter(30)) for _ in range(2))
    await asyncio.sleep(0)
    if promised:
        gate.leave()
    leaver.cancel()
    if not promised:
        gate.leave()
    await asyncio.wait_for(stayer, 5)
    gate.leave()
    assert (gate.running, gate.waiting) == (0, 0)
