"""Several router-servers behind one name."""

import asyncio

import pytest

from edge_router.contract import TASK_ROUTER
from edge_router.controller.classifier.chain import ClassifierChain
from tests.faults_classifier.conftest import Over, classified, until, well
from tests.faults_classifier.router_server import RouterServer


@pytest.fixture
def addresses() -> list[str]:
    return ["127.0.0.1", "127.0.0.2"]


@pytest.fixture
async def pair(protocol: str, free_port: int) -> tuple[RouterServer, RouterServer]:
    one, other = RouterServer(protocol, free_port), RouterServer(protocol, free_port, "127.0.0.2")
    await one.start()
    await other.start()
    return one, other


@pytest.fixture
async def chain(over: Over, pair: tuple[RouterServer, RouterServer]) -> ClassifierChain:
    chain = await over(*pair)
    await well(chain)
    await until(lambda: [replica.up for replica in chain.replicas] == [True, True])
    return chain


async def test_replicas_alternate(chain: ClassifierChain, pair: tuple[RouterServer, RouterServer]) -> None:
    before = [server.asked for server in pair]
    for at in range(10):
        assert (await classified(chain, f"{at}")).source == "server"
    assert [server.asked - count for server, count in zip(pair, before, strict=True)] == [5, 5]


async def test_the_least_busy_replica_classifies(over: Over, pair: tuple[RouterServer, RouterServer]) -> None:
    chain = await over(*pair, budget_ms=60_000)
    await well(chain)
    await until(lambda: [replica.up for replica in chain.replicas] == [True, True])
    one, other = pair
    one.answering.clear()
    asked = [asyncio.create_task(chain.classify(f"first {at}")) for at in range(2)]
    await until(lambda: any(task.done() for task in asked) and one.waiting > 0)
    before = other.asked
    for at in range(5):
        assert (await classified(chain, f"{at}")).source == "server"
    assert other.asked - before == 5
    one.answering.set()
    assert [classification.source for classification in await asyncio.gather(*asked)] == ["server", "server"]


async def test_a_replica_that_dies_costs_no_decision(
    chain: ClassifierChain, pair: tuple[RouterServer, RouterServer]
) -> None:
    await pair[0].stop()
    for at in range(20):
        assert (await classified(chain, f"{at}")).source == "server"
    assert [replica.up for replica in chain.replicas] == [False, True]
    await pair[0].start()
    await until(lambda: chain.replicas[0].up)


async def test_a_replica_with_wrong_answers_costs_no_decision(
    chain: ClassifierChain, pair: tuple[RouterServer, RouterServer]
) -> None:
    pair[1].decisions.clear()
    for at in range(20):
        assert (await classified(chain, f"{at}")).source == "server"
    assert [replica.up for replica in chain.replicas] == [True, False]


async def test_a_replica_that_stops_answering_is_ejected_within_a_second(
    chain: ClassifierChain, pair: tuple[RouterServer, RouterServer]
) -> None:
    pair[0].answering.clear()
    sources: list[str] = [(await classified(chain, f"{at}")).source for at in range(20)]
    assert sources.count("none") == 1
    async with asyncio.timeout(2):
        await until(lambda: not chain.replicas[0].up)
    pair[0].answering.set()
    await until(lambda: chain.replicas[0].up)


async def test_replicas_follow_the_names_addresses(
    chain: ClassifierChain, pair: tuple[RouterServer, RouterServer], addresses: list[str]
) -> None:
    addresses.remove("127.0.0.1")
    await until(lambda: len(chain.replicas) == 1)
    before = pair[0].asked
    assert (await classified(chain, "one")).source == "server"
    assert pair[0].asked == before
    addresses.append("127.0.0.1")
    await until(lambda: [replica.up for replica in chain.replicas] == [True, True])


async def test_a_failed_look_up_keeps_the_replicas(chain: ClassifierChain, addresses: list[str]) -> None:
    addresses.clear()
    await asyncio.sleep(0.2)  # a few look-ups
    assert [(await classified(chain, f"{at}")).source for at in range(4)] == ["server"] * 4


async def test_a_replica_with_another_network_waits_until_the_old_ones_are_gone(
    chain: ClassifierChain, pair: tuple[RouterServer, RouterServer]
) -> None:
    """A rolling update: decisions of two networks are never mixed."""
    one, other = pair
    old = chain.labels
    await one.stop()
    await until(lambda: not chain.replicas[0].up)
    one.labels = one.labels | {TASK_ROUTER: ["Kochen", "Code", "Zoé"]}
    await one.start()
    await until(lambda: chain.replicas[0].up)
    before = one.asked
    for at in range(5):
        classification = await classified(chain, f"{at}")
        assert classification.decisions
        assert "Chatbot" in classification.decisions[TASK_ROUTER].probabilities
    assert (one.asked, chain.labels) == (before, old)
    await other.stop()
    await well(chain)
    assert chain.labels == one.labels
