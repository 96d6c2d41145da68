"""The client names the upstream, the model or the label."""

import pytest

from edge_router.contract import TASK_ROUTER
from edge_router.controller.api import RoutingHint
from edge_router.errors import NotFoundError
from tests.unit.controller.routing.scenario import UPSTREAMS, Classifier, llm_request, planned

POLICIES = {TASK_ROUTER: {"routes": {"Code": "large"}}, "complexity_router": {}}


@pytest.mark.parametrize(
    ("hint", "upstreams", "label", "strategy"),
    [
        pytest.param(RoutingHint(TASK_ROUTER, "manual", "Code"), ["large"], "Code", "manual", id="label"),
        pytest.param(
            RoutingHint(TASK_ROUTER, "manual", "medium"), ["medium"], None, "manual", id="upstream by the old field"
        ),
        pytest.param(RoutingHint(TASK_ROUTER, "manual", "medium-model"), ["medium"], None, "manual", id="model by it"),
        pytest.param(RoutingHint(model="large"), ["large"], None, "pinned", id="upstream"),
        pytest.param(RoutingHint(model="large-model"), ["large"], None, "pinned", id="model"),
        pytest.param(RoutingHint(model="careful"), ["large", "medium"], None, "pinned", id="fallback"),
        pytest.param(RoutingHint(model="half"), ["medium"], None, "pinned", id="split"),
        pytest.param(RoutingHint(model="shared"), ["one", "two"], None, "pinned", id="model of two upstreams"),
    ],
)
async def test_only_the_named_upstream_answers(
    hint: RoutingHint, upstreams: list[str], label: str | None, strategy: str
) -> None:
    classifier = Classifier()
    shared = {name: {"url": "http://127.0.0.1:9/v1", "model": "shared"} for name in ("one", "two")}
    content = {
        "upstreams": {**UPSTREAMS, **shared},
        "fallbacks": {"careful": ["large", "medium"]},
        "splits": {"half": {"medium": 1}},
        "policies": POLICIES,
        "rules": [{"to": "small"}],
        "background_tasks": "small",
    }
    plan = await planned(content, llm_request(hint=hint), classifier=classifier)
    assert (list(plan.upstreams), plan.label, plan.strategy, plan.source) == (upstreams, label, strategy, None)
    assert classifier.texts == []


@pytest.mark.parametrize(
    "hint", [RoutingHint(model="Code"), RoutingHint("complexity_router", "manual", "Code"), RoutingHint(model="")]
)
async def test_a_label_needs_its_own_policy(hint: RoutingHint) -> None:
    with pytest.raises(NotFoundError, match="/v1/models") as refusal:
        await planned({"policies": POLICIES}, llm_request(hint=hint))
    assert refusal.value.code == "model_not_found"


RULES = [{"when": {"tools": False}, "to": "medium"}, {"name": "gpt", "when": {"model": "gpt-4*"}, "to": "large"}]


async def test_a_rule_may_answer_for_an_unknown_model() -> None:
    plan = await planned({"rules": RULES}, llm_request("gpt-4o"))
    assert (list(plan.upstreams), plan.rule, plan.source) == (["large", "small"], "gpt", "rules")


@pytest.mark.parametrize("hint", [RoutingHint(model="claude"), RoutingHint(TASK_ROUTER, "manual", "gpt-4o")])
async def test_a_model_rule_matches_no_other_model_and_no_label(hint: RoutingHint) -> None:
    with pytest.raises(NotFoundError):
        await planned({"rules": RULES}, llm_request(hint=hint))


async def test_a_pinned_reply_does_not_show_a_decision_that_only_a_local_rule_needed() -> None:
    mark = {"when": {"task": "Chatbot"}, "local_only": True}
    classifier = Classifier()
    plan = await planned({"rules": [mark]}, llm_request("large"), classifier=classifier)
    assert (classifier.texts, plan.decision, plan.label) == (["hello"], None, None)
