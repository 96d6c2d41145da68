"""The state of an upstream between requests: circuit breaker, health, shadows, reload."""

import asyncio
from collections.abc import Callable
from contextlib import suppress

import pytest
from structlog.testing import capture_logs

from edge_router.controller.config import RouterConfig
from edge_router.controller.upstream import health
from edge_router.controller.upstream.breaker import BreakerState
from tests.faults.conftest import DEADLINE, Start
from tests.faults.test_before_the_first_byte import ask, is_error, is_good
from tests.faults.upstream import COMPLETION, FaultyUpstream, Then, reply, serving

BROKEN: list[bytes | Then] = [reply(b"", "500 Broken"), Then.KEEP]


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(DEADLINE):
        while not condition():
            await asyncio.sleep(0.01)


async def test_the_circuit_opens_for_an_upstream_that_fails_and_closes_again(
    start: Start, upstream: FaultyUpstream
) -> None:
    address, client = await start({"first": upstream}, retries=0, breaker_failures=5, breaker_seconds=0.3)
    upstream.script = BROKEN
    for _ in range(5):
        assert (await ask(client))[0].status == 502
    assert address.upstreams.states()["first"].breaker == BreakerState.OPEN
    assert not address.upstreams.is_up("first")
    answer, content = await ask(client)
    assert (answer.status, is_error(answer, content), answer.headers["retry-after"]) == (503, True, "1")
    assert len(upstream.requests) == 5
    upstream.script = None
    await until(lambda: address.upstreams.is_up("first"))
    assert is_good((await ask(client))[1], False)
    assert address.upstreams.states()["first"].breaker == BreakerState.CLOSED


async def test_requests_go_to_the_next_upstream_while_the_circuit_is_open(
    start: Start, upstream: FaultyUpstream, other: FaultyUpstream
) -> None:
    _, client = await start({"first": upstream, "second": other}, breaker_failures=3, breaker_seconds=60)
    upstream.script = BROKEN
    answers = [await ask(client) for _ in range(10)]
    assert all(is_good(content, False) for _, content in answers)
    assert (len(upstream.requests), len(other.requests)) == (3, 10)
    assert "failed several times" in answers[-1][0].headers["x-edge-router-fallback"]
    assert "x-edge-router-attempts" not in answers[-1][0].headers


async def test_a_half_open_circuit_lets_one_request_through(start: Start, upstream: FaultyUpstream) -> None:
    address, client = await start(
        {"first": upstream}, retries=0, breaker_failures=1, breaker_seconds=0.2, first_byte_seconds=30
    )
    upstream.scripts.append(BROKEN)
    await ask(client)
    await until(lambda: address.upstreams.states()["first"].breaker == BreakerState.HALF_OPEN)
    upstream.received.clear()
    upstream.scripts.append([0.5, reply(COMPLETION), Then.KEEP])
    trying = asyncio.create_task(ask(client))
    await asyncio.wait_for(upstream.received.wait(), DEADLINE)
    assert [(await ask(client))[0].status for _ in range(3)] == [503] * 3
    assert is_good((await trying)[1], False)
    assert is_good((await ask(client))[1], False)


async def test_a_shadow_gets_the_same_request_and_delays_none(start: Start, upstream: FaultyUpstream) -> None:
    async with serving(FaultyUpstream(script=[Then.SILENCE])) as candidate:
        _, client = await start({"first": upstream, "candidate": candidate}, shadow="candidate")
        with capture_logs() as lines:
            assert is_good((await ask(client))[1], False)
            await asyncio.wait_for(candidate.received.wait(), DEADLINE)
            await until(lambda: bool(lines))
    assert candidate.requests[0].body == upstream.requests[0].body
    assert [(line["event"], line["upstream"], line["outcome"]) for line in lines] == [
        ("shadow", "candidate", "did not answer in time")
    ]


async def test_shadows_are_skipped_when_there_are_many(start: Start, upstream: FaultyUpstream) -> None:
    async with serving(FaultyUpstream(script=[Then.SILENCE])) as candidate:
        _, client = await start({"first": upstream, "candidate": candidate}, shadow="candidate", first_byte_seconds=3)
        with capture_logs() as lines:
            for _ in range(12):
                assert is_good((await ask(client))[1], False)
        assert [line["event"] for line in lines] == ["shadow skipped"] * 4
        assert len(candidate.requests) <= 8


async def test_a_shadow_does_not_wait_for_a_slot(start: Start, upstream: FaultyUpstream) -> None:
    async with serving(FaultyUpstream(script=[Then.SILENCE])) as candidate:
        busy = {"url": f"http://127.0.0.1:{candidate.port}/v1", "concurrency": 1}
        _, client = await start({"first": upstream, "candidate": busy}, shadow="candidate", first_byte_seconds=3)
        with capture_logs() as lines:
            for _ in range(3):
                await ask(client)
        assert [line["event"] for line in lines] == ["shadow skipped"] * 2


async def test_a_request_in_the_queue_is_refused_when_the_circuit_opens(start: Start, upstream: FaultyUpstream) -> None:
    first = {"url": f"http://127.0.0.1:{upstream.port}/v1", "concurrency": 1}
    address, client = await start({"first": first}, retries=0, breaker_failures=1, first_byte_seconds=30)
    upstream.script = [0.3, *BROKEN]
    answers = await asyncio.gather(ask(client), ask(client))
    assert sorted(answer.status for answer, _ in answers) == [502, 503]
    assert len(upstream.requests) == 1
    assert address.upstreams.states()["first"][2:] == (0, 0)


async def test_an_answer_shows_that_an_upstream_is_back(start: Start, upstream: FaultyUpstream) -> None:
    upstream.is_up = False
    address, client = await start({"first": upstream})
    watching = asyncio.create_task(address.upstreams.watch())
    await until(lambda: not address.upstreams.is_up("first"))
    watching.cancel()
    with suppress(asyncio.CancelledError):
        await watching
    assert is_good((await ask(client))[1], False)
    assert address.upstreams.is_up("first")


async def test_probes_find_an_upstream_that_is_down_and_one_that_is_back(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(health, "DOWN_SECONDS", 0.05)
    async with serving(FaultyUpstream()) as upstream:
        address, client = await start({"first": upstream})
        with capture_logs() as lines:
            watching = asyncio.create_task(address.upstreams.watch())
            assert is_good((await ask(client))[1], False)
            assert address.upstreams.is_up("first")
            upstream.script = [Then.RESET]
            upstream.is_up = False
            await ask(client)
            await until(lambda: not address.upstreams.is_up("first"))  # long before the next regular probe
            upstream.script, upstream.is_up = None, True
            await until(lambda: address.upstreams.is_up("first"))
            watching.cancel()
            with suppress(asyncio.CancelledError):
                await watching
    assert [line["event"] for line in lines] == ["upstream down", "upstream up"]


@pytest.mark.parametrize(("status", "up"), [("404 Not Found", True), ("401 Unauthorized", True), ("503 Busy", False)])
async def test_an_upstream_that_answers_a_probe_is_up(
    start: Start, upstream: FaultyUpstream, status: str, up: bool
) -> None:
    upstream.probe_answer = reply(b"", status)
    address, _ = await start({"first": upstream})
    watching = asyncio.create_task(address.upstreams.watch())
    await asyncio.wait_for(upstream.probed.wait(), DEADLINE)
    await until(lambda: address.upstreams.is_up("first") == up)
    watching.cancel()
    with suppress(asyncio.CancelledError):
        await watching


async def test_a_reload_keeps_the_state_of_an_unchanged_upstream(start: Start, upstream: FaultyUpstream) -> None:
    address, client = await start({"first": upstream}, breaker_failures=1)
    upstream.script = BROKEN
    await ask(client)
    stays = address.upstreams.reconfigured(RouterConfig.model_validate(address.routes))
    assert not stays.is_up("first")
    changed = {**address.routes, "upstreams": {"first": {**address.routes["upstreams"]["first"], "model": "other"}}}
    assert address.upstreams.reconfigured(RouterConfig.model_validate(changed)).is_up("first")


async def test_a_request_in_progress_keeps_its_upstream_over_a_reload(
    start: Start, upstream: FaultyUpstream, other: FaultyUpstream
) -> None:
    address, client = await start({"first": upstream}, first_byte_seconds=30)
    upstream.script = [0.3, reply(COMPLETION), Then.KEEP]
    asking = asyncio.create_task(ask(client))
    await asyncio.wait_for(upstream.received.wait(), DEADLINE)
    moved = {"first": {"url": f"http://127.0.0.1:{other.port}/v1", "model": "m"}}
    address.upstreams = address.upstreams.reconfigured(
        RouterConfig.model_validate({**address.routes, "upstreams": moved})
    )
    await ask(client)
    assert is_good((await asking)[1], False)
    assert (len(upstream.requests), len(other.requests)) == (1, 1)
