"""The upstream that gets a request, and the headers that say why."""

from typing import Any

import aiohttp
import pytest

from edge_router.controller.config import RouterConfig
from edge_router.errors import RouterError, UnavailableError
from tests.api.conftest import Upstream
from tests.support.controller import Control, GivenClassifier

CHAT = "/v1/chat/completions"
MESSAGES = [{"role": "user", "content": "sort a list"}]


async def routed(client: aiohttp.ClientSession, **fields: Any) -> dict[str, str]:
    """The answer's headers that speak of the decision."""
    async with client.post(CHAT, json={"model": "auto", "messages": MESSAGES} | fields) as reply:
        assert reply.status == 200, await reply.text()
        said = {name.lower(): value for name, value in reply.headers.items()}
        return {name: value for name, value in said.items() if name.startswith(("x-edge-router-", "x-chosen-"))}


def by_policy(policy: str, strategy: str | None = None, model: str | None = None) -> dict[str, Any]:
    return {"nim-llm-router": {"policy": policy, "routing_strategy": strategy, "model": model}}


async def test_auto_is_decided_by_the_policy_behind_it(client: aiohttp.ClientSession, upstream: Upstream) -> None:
    said = await routed(client, model="auto")
    assert upstream.last["model"] == "large-model"
    assert float(said.pop("x-edge-router-classified-in-ms")) > 0
    assert said == {
        "x-chosen-classifier": "Code",
        "x-edge-router-policy": "task_router",
        "x-edge-router-strategy": "triton",
        "x-edge-router-label": "Code",
        "x-edge-router-confidence": "0.8",
        "x-edge-router-source": "local",
        "x-edge-router-level": "local",
        "x-edge-router-upstream": "large",
        "x-edge-router-model": "large-model",
    }


async def test_auto_follows_the_routes_file(
    control: Control, routes: RouterConfig, classifier: GivenClassifier
) -> None:
    routes = routes.model_copy(update={"auto": "complexity_router"})
    client = await control(routes, classifier)
    assert (await routed(client, model="auto"))["x-edge-router-policy"] == "complexity_router"


@pytest.mark.parametrize("fields", [{"model": "complexity_router"}, by_policy("complexity_router", "triton")])
@pytest.mark.parametrize(("score", "model"), [(0.0, "small-model"), (0.5, "large-model"), (1.0, "large-model")])
async def test_a_named_policy_decides_by_its_score(
    client: aiohttp.ClientSession,
    upstream: Upstream,
    classifier: GivenClassifier,
    fields: dict[str, Any],
    score: float,
    model: str,
) -> None:
    classifier.score = score
    said = await routed(client, **fields)
    assert upstream.last["model"] == model
    assert float(said["x-edge-router-score"]) == score
    assert said["x-chosen-classifier"] == "Reasoning"


async def test_a_label_without_a_route_takes_the_default(
    client: aiohttp.ClientSession, upstream: Upstream, classifier: GivenClassifier
) -> None:
    classifier.label = "Chatbot"
    said = await routed(client)
    assert upstream.last["model"] == "small-model"
    assert (said["x-chosen-classifier"], "x-edge-router-degraded" in said) == ("Chatbot", False)


async def test_the_old_field_overrides_the_model_and_is_removed(
    client: aiohttp.ClientSession, upstream: Upstream
) -> None:
    await routed(client, model="small-model", **by_policy("task_router", "triton"))
    assert upstream.last == {"model": "large-model", "messages": MESSAGES}


async def test_the_old_field_needs_no_model_beside_it(client: aiohttp.ClientSession, upstream: Upstream) -> None:
    async with client.post(CHAT, json={"messages": MESSAGES} | by_policy("task_router")) as reply:
        assert (reply.status, upstream.last["model"]) == (200, "large-model")


@pytest.mark.parametrize(("named", "chosen"), [("Code", "Code"), ("large", "large"), ("large-model", "large")])
async def test_manual_follows_the_label_that_the_client_names(
    client: aiohttp.ClientSession, upstream: Upstream, classifier: GivenClassifier, named: str, chosen: str
) -> None:
    classifier.label = "Chatbot"
    said = await routed(client, **by_policy("task_router", "manual", named))
    assert upstream.last["model"] == "large-model"
    assert (said["x-edge-router-strategy"], said["x-chosen-classifier"]) == ("manual", chosen)
    assert classifier.texts == []


@pytest.mark.parametrize("named", ["large", "large-model"])
async def test_a_named_upstream_answers_without_a_classification(
    client: aiohttp.ClientSession, upstream: Upstream, classifier: GivenClassifier, named: str
) -> None:
    said = await routed(client, model=named)
    assert upstream.last["model"] == "large-model"
    assert (said["x-edge-router-strategy"], classifier.texts) == ("pinned", [])


async def test_a_label_outside_ascii_becomes_an_ascii_header(
    client: aiohttp.ClientSession, classifier: GivenClassifier
) -> None:
    classifier.label = "Zoé"
    assert (await routed(client))["x-chosen-classifier"] == "Zo?"


@pytest.mark.parametrize(
    ("messages", "text"),
    [
        ([{"role": "user", "content": "old"}, {"role": "assistant", "content": "re"}], "old"),
        ([{"role": "user", "content": "old"}, {"role": "user", "content": "new"}], "new"),
        ([{"role": "system", "content": "be kind"}, {"role": "user", "content": ""}], "be kind"),
        ([{"role": "user", "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]}], "a\nb"),
        ([{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "data:"}}]}], ""),
        ([{"role": "user", "content": None}], ""),
    ],
    ids=["last user turn", "newest user turn", "any text at all", "text parts", "image only", "null content"],
)
async def test_the_users_last_message_is_classified(
    client: aiohttp.ClientSession, classifier: GivenClassifier, messages: list[dict[str, Any]], text: str
) -> None:
    await routed(client, messages=messages)
    assert classifier.texts == [text]


@pytest.mark.parametrize(
    ("failure", "reason"),
    [(UnavailableError("gone"), "classifier unavailable"), (RouterError("nonsense"), "classifier wrong")],
    ids=["down", "wrong"],
)
async def test_the_default_answers_when_the_classifier_fails(
    client: aiohttp.ClientSession, upstream: Upstream, classifier: GivenClassifier, failure: Exception, reason: str
) -> None:
    classifier.failure = failure
    said = await routed(client)
    assert upstream.last["model"] == "small-model"
    assert (said["x-edge-router-degraded"], said["x-chosen-classifier"]) == (reason, "small")


async def test_the_default_answers_when_the_classifier_exceeds_its_budget(
    control: Control, routes: RouterConfig, upstream: Upstream, classifier: GivenClassifier
) -> None:
    classifier.answering.clear()
    client = await control(routes, classifier, classifier_budget_ms=50)
    said = await routed(client)
    assert (upstream.last["model"], said["x-edge-router-degraded"]) == ("small-model", "classifier slow")


async def test_the_default_answers_before_the_classifier_is_discovered(
    control: Control, routes: RouterConfig, upstream: Upstream, classifier: GivenClassifier
) -> None:
    classifier.discovered = False
    client = await control(routes, classifier)
    said = await routed(client)
    assert (upstream.last["model"], said["x-edge-router-degraded"]) == ("small-model", "classifier unavailable")
