"""Several router-servers behind one name."""

import asyncio

import pytest

from edge_router.contract import TASK_ROUTER
from edge_router.controller.classifier.chain import ClassifierChain
from tests.faults_classifier.conftest import Over, judged, until, well
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
    await until(lambda: [member.up for member in chain.replicas] == [True, True])
    return chain


async def test_both_are_asked_in_turn(chain: ClassifierChain, pair: tuple[RouterServer, RouterServer]) -> None:
    before = [server.asked for server in pair]
    for at in range(10):
        assert (await judged(chain, f"{at}")).source == "server"
    assert [server.asked - count for server, count in zip(pair, before, strict=True)] == [5, 5]


async def test_the_less_busy_one_is_asked(over: Over, pair: tuple[RouterServer, RouterServer]) -> None:
    chain = await over(*pair, budget_ms=60_000)
    await well(chain)
    await until(lambda: [member.up for member in chain.replicas] == [True, True])
    one, other = pair
    one.answering.clear()
    asked = [asyncio.create_task(chain.classify(f"first {at}")) for at in range(2)]
    await until(lambda: any(task.done() for task in asked) and one.waiting > 0)
    before = other.asked
    for at in range(5):
        assert (await judged(chain, f"{at}")).source == "server"
    assert other.asked - before == 5
    one.answering.set()
    assert [judgement.source for judgement in await asyncio.gather(*asked)] == ["server", "server"]


async def test_one_that_dies_costs_no_decision(chain: ClassifierChain, pair: tuple[RouterServer, RouterServer]) -> None:
    await pair[0].stop()
    for at in range(20):
        assert (await judged(chain, f"{at}")).source == "server"
    assert [member.up for member in chain.replicas] == [False, True]
    await pair[0].start()
    await until(lambda: chain.replicas[0].up)


async def test_one_that_answers_nonsense_costs_no_decision(
    chain: ClassifierChain, pair: tuple[RouterServer, RouterServer]
) -> None:
    pair[1].decisions.clear()
    for at in range(20):
        assert (await judged(chain, f"{at}")).source == "server"
    assert [member.up for member in chain.replicas] == [True, False]


async def test_one_that_falls_silent_is_left_out_within_a_second(
    chain: ClassifierChain, pair: tuple[RouterServer, RouterServer]
) -> None:
    pair[0].answering.clear()
    sources: list[str] = [(await judged(chain, f"{at}")).source for at in range(20)]
    assert sources.count("none") == 1
    async with asyncio.timeout(2):
        await until(lambda: not chain.replicas[0].up)
    pair[0].answering.set()
    await until(lambda: chain.replicas[0].up)


async def test_the_names_addresses_are_followed(
    chain: ClassifierChain, pair: tuple[RouterServer, RouterServer], addresses: list[str]
) -> None:
    addresses.remove("127.0.0.1")
    await until(lambda: len(chain.replicas) == 1)
    before = pair[0].asked
    assert (await judged(chain, "one")).source == "server"
    assert pair[0].asked == before
    addresses.append("127.0.0.1")
    await until(lambda: [member.up for member in chain.replicas] == [True, True])


async def test_a_name_that_cannot_be_looked_up_keeps_its_addresses(
    chain: ClassifierChain, addresses: list[str]
) -> None:
    addresses.clear()
    await asyncio.sleep(0.2)  # a few look-ups
    assert [(await judged(chain, f"{at}")).source for at in range(4)] == ["server"] * 4


async def test_one_of_another_network_waits_until_the_old_one_has_gone(
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
        judgement = await judged(chain, f"{at}")
        assert judgement.decisions
        assert "Chatbot" in judgement.decisions[TASK_ROUTER].probabilities
    assert (one.asked, chain.labels) == (before, old)
    await other.stop()
    await well(chain)
    assert chain.labels == one.labels
