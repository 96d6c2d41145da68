"""Whatever a router-server does, a classification comes within its budget and gives the reason; a server that recovers
is used again."""

import asyncio
from collections.abc import Callable

import numpy as np
import pytest

from edge_router.contract import TASK_ROUTER
from edge_router.controller.classifier import replica
from edge_router.controller.classifier.decision import Decision
from edge_router.tensors import text_tensor
from tests.faults_classifier.conftest import Over, classified, until, well
from tests.faults_classifier.router_server import RouterServer, decisions, numbers
from tests.support.network import Network

NAN = float("nan")
Break = Callable[[RouterServer], None]


def refuses(status: int) -> Break:
    return lambda server: setattr(server, "refusal", status)


def says(body: bytes) -> Break:
    return lambda server: setattr(server, "body", body)


def decides(**outputs: object) -> Break:
    def change(server: RouterServer) -> None:
        found = {**server.decisions, **outputs}
        server.decisions = {name: tensor for name, tensor in found.items() if isinstance(tensor, np.ndarray)}

    return change


def mend(server: RouterServer) -> None:
    server.refusal = server.body = None
    server.decisions = decisions()
    server.answering.set()


@pytest.mark.parametrize(
    ("break_server", "reason"),
    [
        pytest.param(refuses(500), "classifier unavailable", id="500"),
        pytest.param(refuses(503), "classifier unavailable", id="503"),
        pytest.param(refuses(404), "classifier wrong", id="model or version missing"),
        pytest.param(refuses(400), "classifier wrong", id="model unloaded"),
        pytest.param(says(b"<html>"), "classifier wrong", id="not V2"),
        pytest.param(says(b""), "classifier wrong", id="empty"),
        pytest.param(decides(TASK_PROBABILITIES=numbers(0, NAN, 0)), "classifier wrong", id="NaN probability"),
        pytest.param(decides(COMPLEXITY_SCORE=numbers(NAN)), "classifier wrong", id="NaN score"),
        pytest.param(decides(COMPLEXITY_SCORE=numbers(float("inf"))), "classifier wrong", id="infinite score"),
        pytest.param(decides(COMPLEXITY_SCORE=numbers(1, 2)), "classifier wrong", id="two scores"),
        pytest.param(decides(TASK_PROBABILITIES=numbers(0.5, 0.5)), "classifier wrong", id="labels too few"),
        pytest.param(decides(TASK_PROBABILITIES=np.array([[1, 2, 3]])), "classifier wrong", id="integers"),
        pytest.param(decides(TASK_PROBABILITIES=text_tensor([b"a", b"b", b"c"])), "classifier wrong", id="texts"),
        pytest.param(decides(TASK_LABEL=text_tensor([b"Cooking"])), "classifier wrong", id="foreign label"),
        pytest.param(decides(TASK_LABEL=text_tensor([b"\xff"])), "classifier wrong", id="label no UTF-8"),
        pytest.param(decides(TASK_LABEL=numbers(7)), "classifier wrong", id="number for label"),
        pytest.param(decides(TASK_LABEL=None), "classifier wrong", id="no label"),
        pytest.param(lambda server: server.answering.clear(), "classifier slow", id="slow"),
    ],
)
async def test_a_fault_costs_a_decision_and_no_more(
    over: Over, server: RouterServer, break_server: Break, reason: str
) -> None:
    await server.start()
    chain = await over(server)
    await well(chain)
    break_server(server)
    classification = await classified(chain, "one")
    assert (classification.source, classification.decisions, classification.reason) == ("none", None, reason)
    await until(lambda: not chain.replicas[0].up)
    assert (await classified(chain, "two")).reason == "classifier unavailable"
    assert await chain.probe()
    mend(server)
    await well(chain)
    assert await chain.probe() is None


async def test_the_servers_decision_is_used(over: Over, server: RouterServer) -> None:
    await server.start()
    chain = await over(server)
    await well(chain)
    classification = await classified(chain, "sort a list")
    assert classification.source == "server"
    assert classification.decisions
    assert classification.decisions[TASK_ROUTER] == Decision(
        "Code", {"Chatbot": 0.125, "Code": 0.75, "Zoé": 0.125}, None
    )


async def test_no_request_waits_while_no_server_is_up(over: Over, server: RouterServer) -> None:
    chain = await over(server, budget_ms=600_000)
    await until(lambda: bool(chain.replicas) and chain.replicas[0].problem != "has not answered yet")
    classification = await classified(chain, "one")
    assert (classification.source, classification.reason) == ("none", "classifier unavailable")
    await server.start()
    await well(chain)


async def test_a_server_is_used_once_it_has_loaded(over: Over, server: RouterServer) -> None:
    server.refusal = 503
    await server.start()
    chain = await over(server)
    await until(lambda: bool(chain.replicas) and chain.replicas[0].problem != "has not answered yet")
    assert chain.labels is None
    server.refusal = None
    await well(chain)
    assert chain.labels == server.labels


async def test_a_server_killed_with_connections_open(over: Over, server: RouterServer) -> None:
    await server.start()
    chain = await over(server)
    await well(chain)
    server.answering.clear()
    asked = [asyncio.create_task(classified(chain, f"{at}")) for at in range(8)]
    await until(lambda: server.waiting >= 8)
    await server.stop()
    assert {(each.source, each.reason) for each in await asyncio.gather(*asked)} == {("none", "classifier unavailable")}
    server.answering.set()
    await server.start()
    await well(chain)


async def test_a_server_restarted_under_load_delays_no_request(over: Over, server: RouterServer) -> None:
    await server.start()
    chain = await over(server)
    await well(chain)
    sources: list[str] = []

    async def ask(client: int) -> None:
        while "none" not in sources or sources[-8:] != ["server"] * 8:
            sources.append((await classified(chain, f"{client}: {len(sources)}")).source)
            await asyncio.sleep(0.002)

    asking = [asyncio.create_task(ask(client)) for client in range(4)]
    await until(lambda: len(sources) > 20)
    await server.stop()
    await until(lambda: "none" in sources)
    await server.start()
    async with asyncio.timeout(20):
        await asyncio.gather(*asking)


async def test_a_server_with_another_network_gives_its_new_labels(over: Over, server: RouterServer) -> None:
    await server.start()
    chain = await over(server)
    await well(chain)
    assert (await classified(chain, "one")).source == "server"
    server.labels[TASK_ROUTER] = ["Code", "Cooking"]
    server.decisions["TASK_PROBABILITIES"] = numbers(0.25, 0.75)
    server.decisions["TASK_LABEL"] = text_tensor([b"Cooking"])
    await classified(chain, "two")
    await well(chain)
    assert chain.labels == server.labels
    again = await classified(chain, "one")
    assert again.decisions
    assert (again.source, again.decisions[TASK_ROUTER].label) == ("server", "Cooking")


async def test_the_network_in_this_process_decides_in_time_when_a_server_is_slow(
    over: Over, server: RouterServer
) -> None:
    await server.start()
    chain = await over(server, local=Network().classifier())
    await well(chain)
    server.answering.clear()
    classification = await classified(chain, "one")
    assert (classification.source, classification.reason) == ("local", "classifier slow")
    await until(lambda: not chain.replicas[0].up)
    classification = await classified(chain, "two")
    assert (classification.source, classification.reason) == ("local", "classifier unavailable")
    assert await chain.probe() is None


async def test_closing_waits_for_classifications_in_flight(over: Over, server: RouterServer) -> None:
    await server.start()
    chain = await over(server, budget_ms=60_000)
    await well(chain)
    server.answering.clear()
    asked = asyncio.create_task(chain.classify("one"))
    await until(lambda: server.waiting > 0)
    closing = asyncio.create_task(chain.close())
    assert (await asyncio.wait({closing}, timeout=0.2))[0] == set()
    server.answering.set()
    await closing
    assert (await asked).source == "server"
    assert (await classified(chain, "two")).reason == "classifier unavailable"


async def test_new_labels_are_noticed_where_the_decisions_still_fit(
    over: Over, server: RouterServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(replica, "LABELS_SECONDS", 0.05)
    await server.start()
    chain = await over(server)
    await well(chain)
    server.labels[TASK_ROUTER] = [*reversed(server.labels[TASK_ROUTER])]
    await until(lambda: chain.labels == server.labels)


@pytest.mark.parametrize("body", [b"{canary", b'{"outputs": [{"name": "A", "datatype": "canary", "shape": [1]}]}'])
async def test_a_prompt_that_a_server_repeats_stays_out_of_the_log(
    over: Over, server: RouterServer, body: bytes, capfd: pytest.CaptureFixture[str]
) -> None:
    await server.start()
    chain = await over(server)
    await well(chain)
    server.body = body
    server.decisions["TASK_LABEL"] = text_tensor([b"canary"])
    assert (await classified(chain, "canary")).reason == "classifier wrong"
    await until(lambda: not chain.replicas[0].up)
    server.body = None
    checked = server.asked
    await until(lambda: server.asked > checked + 1)
    assert "canary" not in "".join(capfd.readouterr()) + (await chain.probe() or "")
