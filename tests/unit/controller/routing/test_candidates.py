"""The upstreams of a route that may and can answer."""

from collections.abc import Sequence
from typing import Any

import pytest

from edge_router.contract import COMPLEXITY_ROUTER, TASK_ROUTER
from edge_router.controller.api import PATHS, Operation, RequestFeatures, RoutingHint
from edge_router.controller.caller import Caller
from edge_router.controller.classifier import ClassifierFault
from edge_router.controller.routing.errors import LocalOnlyError, NotAllowedError, UnsupportedOperationError
from edge_router.controller.routing.router import Router
from edge_router.errors import ForbiddenError, NotFoundError, RequestError
from tests.unit.controller.routing.scenario import UPSTREAMS, Classifier, context, llm_request, planned, routes

LOCAL = {"x-edge-router-data": "local-only"}
MARK = {"when": {"header": {"x-data": "private"}}, "local_only": True}
BOTH = {
    "upstreams": {**UPSTREAMS, "candidate": {"url": "https://api.example.com/v1", "model": "candidate-model"}},
    "fallbacks": {"careful": ["large", "candidate", "medium"]},
    "splits": {"canary": {"large": 1, "candidate": 1}},
    "shadows": {"small": {"to": "candidate"}, "medium": {"to": "large"}},
}
"""`small` and `medium` are local, the others are remote."""


@pytest.mark.parametrize(
    ("content", "hint", "upstreams"),
    [
        pytest.param({}, RoutingHint(model="large"), [], id="upstream that is named"),
        pytest.param({}, RoutingHint(model="large-model"), [], id="model that is named"),
        pytest.param({}, RoutingHint(model="careful"), ["medium"], id="fallback that is named"),
        pytest.param({}, RoutingHint(model="canary"), [], id="split that is named"),
        pytest.param(
            {"policies": {TASK_ROUTER: {"routes": {"Code": "large"}}}},
            RoutingHint(TASK_ROUTER, "manual", "Code"),
            [],
            id="label",
        ),
        pytest.param(
            {"policies": {TASK_ROUTER: {"routes": {"Code": "large"}}}}, RoutingHint(model="auto"), ["small"], id="route"
        ),
        pytest.param({"rules": [MARK, {"to": "careful"}]}, RoutingHint(model="auto"), ["medium", "small"], id="rule"),
        pytest.param({"rules": [{"to": "canary"}]}, RoutingHint(model="auto"), ["small"], id="rule to a split"),
        pytest.param({"default": "large"}, RoutingHint(model="auto"), [], id="default"),
        pytest.param({"default": "canary"}, RoutingHint(model="auto"), [], id="default is a split"),
        pytest.param({"background_tasks": "large"}, RoutingHint(model="auto"), ["small"], id="background task"),
        pytest.param(
            {"rules": [{"when": {"model": "gpt*"}, "to": "large"}]}, RoutingHint(model="gpt-4"), ["small"], id="alias"
        ),
        pytest.param(
            {"affinity": {"order": ["small", "large"]}, "rules": [{"to": "small"}]},
            RoutingHint(model="auto"),
            ["small"],
            id="stays",
        ),
    ],
)
@pytest.mark.parametrize("marked", ["header", "rule", "key"])
async def test_a_local_only_request_never_reaches_a_remote_upstream(
    content: dict[str, Any], hint: RoutingHint, upstreams: list[str], marked: str
) -> None:
    """Only a local shadow gets the request."""
    given = {**BOTH, **content}
    given["rules"] = [*content.get("rules", ()), MARK]
    request = llm_request(hint=hint, features=RequestFeatures(background_task="background_tasks" in content))
    headers = {"header": LOCAL, "rule": {"x-data": "private"}, "key": {}}[marked]
    around = context(headers=headers, caller=Caller("k", local_only=marked == "key"))
    router = Router(routes(**given), Classifier())
    if upstreams:
        plan = await router.plan(request, around)
        assert (list(plan.upstreams), plan.shadow) == (upstreams, None)
    else:
        with pytest.raises(LocalOnlyError, match=r"small, medium") as refusal:
            await router.plan(request, around)
        assert (refusal.value.status, refusal.value.code) == (403, "local_only")


async def test_affinity_does_not_send_a_local_only_request_to_a_remote_upstream() -> None:
    content = {"affinity": {"order": ["small", "large"]}, "rules": [{"when": {"tools": True}, "to": "large"}]}
    router = Router(routes(**content), Classifier())
    assert (await router.plan(llm_request(features=RequestFeatures(tools=True)), context())).upstreams[0] == "large"
    assert (await router.plan(llm_request(), context())).upstreams[0] == "large"
    assert list((await router.plan(llm_request(), context(headers=LOCAL))).upstreams) == ["small"]


@pytest.mark.parametrize(
    ("classifier", "upstream"),
    [(Classifier("Code"), "small"), (Classifier("Other"), "large"), (Classifier(reason=ClassifierFault.SLOW), "small")],
    ids=["private", "not private", "unknown"],
)
@pytest.mark.parametrize("model", ["auto", "large"])
async def test_a_local_only_rule_holds_when_in_doubt(classifier: Classifier, upstream: str, model: str) -> None:
    mark = {"when": {"task": "Code"}, "local_only": True}
    router = Router(routes(rules=[{"to": "large"}, mark]), classifier)
    if model == "large" and upstream == "small":
        with pytest.raises(LocalOnlyError):
            await router.plan(llm_request(model), context())
    else:
        assert (await router.plan(llm_request(model), context())).upstreams[0] == upstream


async def test_a_policys_local_only_rule_holds_for_that_policy() -> None:
    policies = {
        TASK_ROUTER: {"rules": [{"local_only": True}], "default": "large"},
        COMPLEXITY_ROUTER: {"default": "large"},
    }
    assert (await planned({"policies": policies}, llm_request(COMPLEXITY_ROUTER))).upstreams[0] == "large"
    with pytest.raises(LocalOnlyError):
        await planned({"policies": policies}, llm_request(TASK_ROUTER))


async def test_a_misspelt_data_header_is_refused() -> None:
    with pytest.raises(RequestError, match="x-edge-router-data") as refusal:
        await planned({}, around=context(headers={"x-edge-router-data": "local_only"}))
    assert "local_only" not in str(refusal.value)


@pytest.mark.parametrize(
    ("models", "hint", "upstreams"),
    [
        pytest.param({"small"}, "auto", ["small"], id="upstream"),
        pytest.param({"small-model"}, "auto", ["small"], id="its model"),
        pytest.param({"large-model"}, "auto", ["large"], id="not the last resort"),
        pytest.param({"large"}, "large-model", ["large"], id="upstream of the model that is named"),
        pytest.param({"auto", "task_router"}, "auto", [], id="a name that stands for others is none of them"),
        pytest.param({"medium"}, "auto", [], id="another"),
        pytest.param({"medium"}, "large", [], id="another is named"),
        pytest.param({"careful"}, "careful", [], id="fallback is none of its members"),
        pytest.param(set(), "auto", [], id="nothing"),
    ],
)
async def test_an_access_key_reaches_only_its_models(models: set[str], hint: str, upstreams: list[str]) -> None:
    content = {"rules": [{"to": "large"}], "fallbacks": {"careful": ["large", "small"]}}
    around = context(caller=Caller("k", frozenset(models)))
    if upstreams:
        assert list((await planned(content, llm_request(hint), around)).upstreams) == upstreams
    else:
        with pytest.raises(NotAllowedError) as refusal:
            await planned(content, llm_request(hint), around)
        assert (refusal.value.status, refusal.value.code) == (403, "model_not_allowed")


async def test_an_unknown_model_is_not_found_for_any_key() -> None:
    with pytest.raises(NotFoundError):
        await planned({}, llm_request("gpt-4"), context(caller=Caller("k", frozenset({"gpt-4"}))))


def speaking(**speaks: Sequence[Operation]) -> dict[str, Any]:
    """A config with `speaks` by upstream."""
    return {name: {**content, "speaks": speaks.get(name, ["chat"])} for name, content in UPSTREAMS.items()}


async def test_an_upstream_without_the_operation_is_skipped() -> None:
    content = {"upstreams": speaking(medium=[Operation.MESSAGES]), "fallbacks": {"all": ["large", "medium", "small"]}}
    plan = await planned(content, llm_request("all", operation=Operation.MESSAGES))
    assert list(plan.upstreams) == ["medium"]


async def test_an_upstream_that_a_translation_reaches_is_used() -> None:
    """An Ollama client's chat; one upstream answers chats, the other one does not."""
    content = {"upstreams": speaking(large=[Operation.EMBEDDINGS]), "fallbacks": {"all": ["large", "small"]}}
    names = routes(**content).names
    chat = PATHS["/api/chat"].parse(b'{"model": "all", "messages": [{"role": "user", "content": "hello"}]}', names)
    assert list((await planned(content, chat)).upstreams) == ["small"]


@pytest.mark.parametrize(
    ("speaks", "said"),
    [
        pytest.param({"medium": [Operation.MESSAGES]}, r"small cannot answer messages; ask for medium$", id="another"),
        pytest.param({}, r"speaks: \[messages\].*openai or ollama or anthropic$", id="none"),
    ],
)
async def test_the_error_names_an_upstream_that_can_answer(speaks: dict[str, Any], said: str) -> None:
    with pytest.raises(UnsupportedOperationError, match=said) as refusal:
        await planned({"upstreams": speaking(**speaks)}, llm_request("small", operation=Operation.MESSAGES))
    assert refusal.value.status == 400


async def test_the_error_names_no_upstream_that_the_key_may_not_use() -> None:
    content = {"upstreams": speaking(large=[Operation.MESSAGES])}
    with pytest.raises(UnsupportedOperationError) as refusal:
        await planned(content, llm_request("small", operation=Operation.MESSAGES), context(headers=LOCAL))
    assert "large" not in str(refusal.value)


@pytest.mark.parametrize(
    ("tokens", "answer_tokens", "upstreams"),
    [
        pytest.param(50, 50, ["small", "medium", "large"], id="fits all"),
        pytest.param(51, 50, ["medium", "large"], id="answer does not fit the first"),
        pytest.param(1001, 0, ["large"], id="fits the one that has no bound"),
    ],
)
async def test_a_long_prompt_goes_to_an_upstream_with_enough_context(
    tokens: int, answer_tokens: int, upstreams: list[str]
) -> None:
    bounded = {**UPSTREAMS, "small": {**UPSTREAMS["small"], "context": 100}}
    bounded["medium"] = {**UPSTREAMS["medium"], "context": 1000}
    content = {"upstreams": bounded, "fallbacks": {"all": ["small", "medium", "large"]}}
    request = llm_request("all", features=RequestFeatures(tokens=tokens, answer_tokens=answer_tokens))
    assert list((await planned(content, request)).upstreams) == upstreams


async def test_a_prompt_too_long_for_all_goes_to_the_largest_context() -> None:
    bounded = {name: {**UPSTREAMS[name], "context": size} for name, size in (("small", 100), ("medium", 1000))}
    content = {"upstreams": bounded, "fallbacks": {"all": ["small", "medium"]}}
    assert list((await planned(content, llm_request("all", features=RequestFeatures(tokens=5000)))).upstreams) == [
        "medium"
    ]


@pytest.mark.parametrize(
    ("down", "upstreams", "degraded"),
    [
        pytest.param([], ["large", "medium", "small"], None, id="none"),
        pytest.param(["large"], ["medium", "small", "large"], "large is down", id="first"),
        pytest.param(["large", "medium"], ["small", "large", "medium"], "large is down", id="first two"),
        pytest.param(["medium"], ["large", "small", "medium"], None, id="second"),
        pytest.param(["large", "medium", "small"], ["large", "medium", "small"], None, id="all"),
    ],
)
async def test_an_upstream_that_is_down_comes_last(down: list[str], upstreams: list[str], degraded: str | None) -> None:
    content = {"rules": [{"to": "careful"}], "fallbacks": {"careful": ["large", "medium"]}}
    plan = await planned(content, around=context(*down))
    assert (list(plan.upstreams), plan.degraded) == (upstreams, degraded)


async def test_embeddings_go_to_their_own_target_and_never_to_another_model() -> None:
    request = llm_request("auto", operation=Operation.EMBEDDINGS)
    classifier = Classifier()
    plan = await planned({"embeddings": "medium", "rules": [{"to": "large"}]}, request, classifier=classifier)
    assert (list(plan.upstreams), plan.rule, classifier.texts) == (["medium"], "embeddings", [])
    with pytest.raises(NotFoundError, match="embeddings"):
        await planned({}, request)
    assert list((await planned({}, llm_request("large", operation=Operation.EMBEDDINGS))).upstreams) == ["large"]
    alias = {"rules": [{"when": {"model": "ada*"}, "to": "large"}], "affinity": {"order": ["large", "medium"]}}
    assert list((await planned(alias, llm_request("ada-2", operation=Operation.EMBEDDINGS))).upstreams) == ["large"]


def test_a_refusal_of_routing_is_403() -> None:
    """A 401 would make a client prompt for another key."""
    assert issubclass(LocalOnlyError, ForbiddenError)
    assert issubclass(NotAllowedError, ForbiddenError)
