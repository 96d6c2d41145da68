"""The steps of the classifier chain, with the network in this process and with router-servers that are down."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from typing import Any

import pytest

from edge_router.contract import TASK_ROUTER
from edge_router.controller.classifier import Classification, Labels
from edge_router.controller.classifier.chain import ClassifierChain
from edge_router.controller.config import ClassifierConfig
from edge_router.errors import ConfigError, RequestError
from tests.support.network import LABELS, Network

Start = Callable[..., ClassifierChain]
LONG_BUDGET_MS = 60_000
UNUSED_ADDRESS = "http://127.0.0.1:9"


@pytest.fixture
def network() -> Network:
    return Network()


@pytest.fixture
async def start() -> AsyncIterator[Start]:
    async with AsyncExitStack() as stack:

        def started(
            network: Network | None, check_labels: Callable[[Labels], None] = lambda labels: None, **section: Any
        ) -> ClassifierChain:
            read = ClassifierConfig.model_validate({"budget_ms": LONG_BUDGET_MS, **section})
            chain = ClassifierChain(read, network.classifier() if network else None, check_labels)
            chain.start()
            stack.push_async_callback(chain.close)
            return chain

        yield started


async def ready(chain: ClassifierChain) -> ClassifierChain:
    async with asyncio.timeout(10):
        while chain.labels is None:
            await asyncio.sleep(0.001)
    return chain


def facts(classification: Classification) -> tuple[str, str | None, str | None]:
    label = classification.decisions[TASK_ROUTER].label if classification.decisions else None
    return classification.source, label, classification.reason


async def test_without_router_servers_the_local_network_is_no_degradation(start: Start, network: Network) -> None:
    chain = await ready(start(network))
    assert chain.labels == LABELS
    assert facts(await chain.classify("sort a list")) == ("local", "Code", None)
    assert await chain.probe() is None


async def test_the_local_network_answers_for_router_servers_that_are_down(start: Start, network: Network) -> None:
    chain = await ready(start(network, urls=[UNUSED_ADDRESS]))
    for _ in range(2):  # a fallback's decision is not fresh
        assert facts(await chain.classify("sort a list")) == ("local", "Code", "classifier unavailable")
    assert network.asked == [b"sort a list"] * 2


async def test_a_fresh_decision_comes_from_the_cache(start: Start, network: Network) -> None:
    chain = await ready(start(network, cache={"seconds": 0.05}))
    assert facts(await chain.classify("sort a list")) == ("local", "Code", None)
    assert facts(await chain.classify("sort a list")) == ("cached", "Code", None)
    assert (network.asked, chain.cache.hits) == ([b"sort a list"], 1)
    await asyncio.sleep(0.06)
    assert facts(await chain.classify("sort a list")) == ("local", "Code", None)


async def test_an_old_decision_is_the_last_resort(start: Start, network: Network) -> None:
    chain = await ready(start(network, cache={"seconds": 1e-9}))
    await chain.classify("sort a list")
    network.score = float("nan")
    assert facts(await chain.classify("sort a list")) == ("cached", "Code", "classifier wrong")
    assert facts(await chain.classify("sort a dict")) == ("none", None, "classifier wrong")
    assert await chain.probe() == "classifier wrong"


@pytest.mark.parametrize("failure", [RuntimeError("sort a list"), ValueError(), KeyError()])
async def test_no_error_of_an_engine_fails_a_request(start: Start, network: Network, failure: Exception) -> None:
    network.failure = failure
    chain = await ready(start(network))
    assert facts(await chain.classify("sort a list")) == ("none", None, "classifier wrong")
    network.failure = None  # and a failure is not kept
    assert facts(await chain.classify("sort a list")) == ("local", "Code", None)


async def test_a_late_run_answers_the_next_request(start: Start, network: Network) -> None:
    chain = await ready(start(network, budget_ms=50))
    network.answering.clear()
    assert facts(await chain.classify("sort a list")) == ("none", None, "classifier slow")
    network.answering.set()
    async with asyncio.timeout(10):
        while not len(chain.cache):
            await asyncio.sleep(0.001)
    assert facts(await chain.classify("sort a list")) == ("cached", "Code", None)
    assert network.asked == [b"sort a list"]


async def test_a_run_that_has_not_begun_in_time_is_dropped(start: Start, network: Network) -> None:
    chain = await ready(start(network, budget_ms=50))
    network.answering.clear()
    first = asyncio.create_task(chain.classify("first"))
    await asyncio.to_thread(network.begun.wait, 10)
    assert facts(await chain.classify("second")) == ("none", None, "classifier slow")
    await first
    network.answering.set()
    await chain.classify("third")
    assert b"second" not in network.asked


async def test_concurrent_requests_for_one_text_share_one_run(start: Start, network: Network) -> None:
    chain = await ready(start(network))
    network.answering.clear()
    asking = [asyncio.create_task(chain.classify("sort a list")) for _ in range(5)]
    await asyncio.to_thread(network.begun.wait, 10)
    asking[0].cancel()
    await asyncio.wait(asking[:1])
    network.answering.set()
    assert {facts(classification) for classification in await asyncio.gather(*asking[1:])} == {("local", "Code", None)}
    assert network.asked == [b"sort a list"]


async def test_a_text_that_no_classifier_accepts_is_a_request_error(start: Start, network: Network) -> None:
    chain = await ready(start(network))
    for _ in range(2):
        with pytest.raises(RequestError, match="lone surrogate at character 3"):
            await chain.classify("abc\ud800")


async def test_a_network_that_does_not_fit_the_config_is_not_used(start: Start, network: Network) -> None:
    def refuse(labels: Labels) -> None:
        raise ConfigError("policies.task_router.routes: Cooking is no label of the server's")

    chain = start(network, refuse)
    while "Cooking" not in (await chain.probe() or ""):
        await asyncio.sleep(0.001)
    assert chain.labels is None
    assert facts(await chain.classify("sort a list")) == ("none", None, "classifier unavailable")
    assert network.asked == []
    chain.check_labels = lambda labels: None  # other routes
    assert facts(await (await ready(chain)).classify("sort a list")) == ("local", "Code", None)


async def test_without_any_classifier_no_request_waits(start: Start) -> None:
    chain = start(None)
    assert facts(await chain.classify("sort a list")) == ("none", None, "classifier unavailable")
