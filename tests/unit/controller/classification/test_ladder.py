"""The steps of the ladder, with the network in this process and with router-servers that are not there."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from typing import Any

import pytest

from edge_router.contract import TASK_ROUTER
from edge_router.controller.classification.classifier import Labels
from edge_router.controller.classification.judge import Judgement
from edge_router.controller.classification.ladder import Ladder
from edge_router.controller.routes.classifier import ClassifierSection
from edge_router.errors import ConfigError, RequestError
from tests.unit.controller.classification.network import LABELS, Network

Start = Callable[..., Ladder]
PATIENT_MS = 60_000
NOBODY = "http://127.0.0.1:9"


@pytest.fixture
def network() -> Network:
    return Network()


@pytest.fixture
async def start() -> AsyncIterator[Start]:
    async with AsyncExitStack() as stack:

        def started(
            network: Network | None, met: Callable[[Labels], None] = lambda labels: None, **section: Any
        ) -> Ladder:
            read = ClassifierSection.model_validate({"budget_ms": PATIENT_MS, **section})
            ladder = Ladder(read, network.classifier() if network else None, met)
            ladder.start()
            stack.push_async_callback(ladder.close)
            return ladder

        yield started


async def met(ladder: Ladder) -> Ladder:
    async with asyncio.timeout(10):
        while ladder.labels is None:
            await asyncio.sleep(0.001)
    return ladder


def facts(judgement: Judgement) -> tuple[str, str | None, str | None]:
    label = judgement.decisions[TASK_ROUTER].label if judgement.decisions else None
    return judgement.level, label, judgement.reason


async def test_without_router_servers_the_local_network_is_no_degradation(start: Start, network: Network) -> None:
    ladder = await met(start(network))
    assert ladder.labels == LABELS
    assert facts(await ladder.judge("sort a list")) == ("local", "Code", None)
    assert await ladder.probe() is None


async def test_the_local_network_answers_for_router_servers_that_are_down(start: Start, network: Network) -> None:
    ladder = await met(start(network, urls=[NOBODY]))
    for _ in range(2):  # its word is no reason not to ask a better one again
        assert facts(await ladder.judge("sort a list")) == ("local", "Code", "classifier unavailable")
    assert network.asked == [b"sort a list"] * 2


async def test_a_decision_is_taken_from_the_cache_while_it_is_fresh(start: Start, network: Network) -> None:
    ladder = await met(start(network, cache={"seconds": 0.05}))
    assert facts(await ladder.judge("sort a list")) == ("local", "Code", None)
    assert facts(await ladder.judge("sort a list")) == ("cached", "Code", None)
    assert (network.asked, ladder.cache.hits) == ([b"sort a list"], 1)
    await asyncio.sleep(0.06)
    assert facts(await ladder.judge("sort a list")) == ("local", "Code", None)


async def test_a_decision_too_old_is_the_last_resort(start: Start, network: Network) -> None:
    ladder = await met(start(network, cache={"seconds": 1e-9}))
    await ladder.judge("sort a list")
    network.score = float("nan")
    assert facts(await ladder.judge("sort a list")) == ("cached", "Code", "classifier wrong")
    assert facts(await ladder.judge("sort a dict")) == ("none", None, "classifier wrong")
    assert await ladder.probe() == "classifier wrong"


@pytest.mark.parametrize("failure", [RuntimeError("sort a list"), ValueError(), KeyError()])
async def test_whatever_an_engine_raises_no_request_fails(start: Start, network: Network, failure: Exception) -> None:
    network.failure = failure
    ladder = await met(start(network))
    assert facts(await ladder.judge("sort a list")) == ("none", None, "classifier wrong")
    network.failure = None  # and a failure is not kept
    assert facts(await ladder.judge("sort a list")) == ("local", "Code", None)


async def test_a_late_run_answers_the_next_request(start: Start, network: Network) -> None:
    ladder = await met(start(network, budget_ms=50))
    network.answering.clear()
    assert facts(await ladder.judge("sort a list")) == ("none", None, "classifier slow")
    network.answering.set()
    async with asyncio.timeout(10):
        while not len(ladder.cache):
            await asyncio.sleep(0.001)
    assert facts(await ladder.judge("sort a list")) == ("cached", "Code", None)
    assert network.asked == [b"sort a list"]


async def test_a_run_that_had_not_begun_in_time_is_dropped(start: Start, network: Network) -> None:
    ladder = await met(start(network, budget_ms=50))
    network.answering.clear()
    first = asyncio.create_task(ladder.judge("first"))
    await asyncio.to_thread(network.begun.wait, 10)
    assert facts(await ladder.judge("second")) == ("none", None, "classifier slow")
    await first
    network.answering.set()
    await ladder.judge("third")
    assert b"second" not in network.asked


async def test_who_asks_the_same_at_once_shares_one_run_and_may_leave(start: Start, network: Network) -> None:
    ladder = await met(start(network))
    network.answering.clear()
    asking = [asyncio.create_task(ladder.judge("sort a list")) for _ in range(5)]
    await asyncio.to_thread(network.begun.wait, 10)
    asking[0].cancel()
    await asyncio.wait(asking[:1])
    network.answering.set()
    assert {facts(judgement) for judgement in await asyncio.gather(*asking[1:])} == {("local", "Code", None)}
    assert network.asked == [b"sort a list"]


async def test_a_text_nobody_can_classify_is_the_clients_fault(start: Start, network: Network) -> None:
    ladder = await met(start(network))
    for _ in range(2):
        with pytest.raises(RequestError, match="lone surrogate at character 3"):
            await ladder.judge("abc\ud800")


async def test_a_network_that_the_routes_do_not_fit_is_not_asked(start: Start, network: Network) -> None:
    def refuse(labels: Labels) -> None:
        raise ConfigError("policies.task_router.routes: Cooking is no label of the server's")

    ladder = start(network, refuse)
    while "Cooking" not in (await ladder.probe() or ""):
        await asyncio.sleep(0.001)
    assert ladder.labels is None
    assert facts(await ladder.judge("sort a list")) == ("none", None, "classifier unavailable")
    assert network.asked == []
    ladder.met = lambda labels: None  # other routes
    assert facts(await (await met(ladder)).judge("sort a list")) == ("local", "Code", None)


async def test_without_any_classifier_nobody_is_waited_for(start: Start) -> None:
    ladder = start(None)
    assert facts(await ladder.judge("sort a list")) == ("none", None, "classifier unavailable")
