"""From a decision to its target."""

from typing import Any

import pytest

from edge_router.contract import COMPLEXITY_ROUTER, TASK_ROUTER
from edge_router.controller.api import RoutingHint
from edge_router.controller.classifier import ClassifierFault
from edge_router.errors import NotFoundError
from tests.unit.controller.routing.scenario import Classifier, llm_request, planned

SCORES = [{"at_least": 0.3, "upstream": "medium"}, {"at_least": 0.7, "upstream": "large"}]


@pytest.mark.parametrize(
    ("policy", "score", "upstream"),
    [
        pytest.param({"routes": {"Reasoning": "large"}}, 0.0, "large", id="label's route"),
        pytest.param({"routes": {"Other": "large"}}, 0.0, "small", id="no route: default of all"),
        pytest.param({"routes": {"Other": "large"}, "default": "medium"}, 0.0, "medium", id="no route: its default"),
        pytest.param({}, 0.0, "small", id="nothing at all"),
        pytest.param({"score": SCORES}, 0.29, "small", id="under every score"),
        pytest.param({"score": SCORES}, 0.3, "medium", id="at the lower score"),
        pytest.param({"score": SCORES}, 0.7, "large", id="at the higher score"),
        pytest.param({"score": SCORES}, 1.0, "large", id="over every score"),
        pytest.param({"score": SCORES, "routes": {"Reasoning": "small"}}, 0.5, "medium", id="score before label"),
        pytest.param({"score": SCORES, "routes": {"Reasoning": "large"}}, 0.1, "large", id="label: no score reached"),
        pytest.param({"score": [{"at_least": 0, "upstream": "large"}]}, 0.0, "large", id="zero is a score"),
        pytest.param({"score": SCORES, "abstain": {"confidence": 0.7}}, 0.7, "small", id="abstains: not sure"),
        pytest.param({"score": SCORES, "abstain": {"confidence": 0.6}}, 0.7, "large", id="as sure as it must be"),
        pytest.param({"score": SCORES, "abstain": {"margin": 0.3}}, 0.7, "small", id="abstains: margin"),
        pytest.param({"score": SCORES, "abstain": {"margin": 0.1}}, 0.7, "large", id="margin wide enough"),
    ],
)
async def test_the_score_precedes_the_label_and_the_label_the_default(
    policy: dict[str, Any], score: float, upstream: str
) -> None:
    """The classifier gives Reasoning 0.6 and another label 0.4."""
    content = {"policies": {TASK_ROUTER: {}, COMPLEXITY_ROUTER: policy}}
    plan = await planned(content, llm_request(COMPLEXITY_ROUTER), classifier=Classifier(score=score))
    assert (plan.upstreams[0], plan.policy, plan.degraded) == (upstream, COMPLEXITY_ROUTER, None)


async def test_a_policy_without_a_score_reaches_no_threshold() -> None:
    plan = await planned({"policies": {TASK_ROUTER: {"score": [{"at_least": 0, "upstream": "large"}]}}})
    assert (list(plan.upstreams), plan.label) == (["small"], "Code")


async def test_abstain_holds_for_every_policy_without_its_own() -> None:
    content = {"abstain": {"confidence": 0.9}, "policies": {TASK_ROUTER: {"routes": {"Code": "large"}}}}
    plan = await planned(content)
    assert (plan.upstreams[0], plan.rule, plan.label, plan.source) == ("small", "abstain", "Code", "server")
    content["policies"] = {TASK_ROUTER: {"routes": {"Code": "large"}, "abstain": {}}}
    assert (await planned(content)).upstreams[0] == "large"


async def test_the_default_is_the_last_resort_of_every_route() -> None:
    policy = {"routes": {"Code": "large"}, "default": "medium"}
    assert list((await planned({"policies": {TASK_ROUTER: policy}})).upstreams) == ["large", "medium"]


@pytest.mark.parametrize(("policy", "upstream"), [({}, "small"), ({"default": "medium"}, "medium")])
async def test_the_nearest_default_answers_when_no_classifier_does(policy: dict[str, Any], upstream: str) -> None:
    content = {"policies": {TASK_ROUTER: {"routes": {"Code": "large"}, **policy}}}
    plan = await planned(content, classifier=Classifier(reason=ClassifierFault.SLOW))
    headers = plan.headers(plan.upstreams[0], "a-model")
    assert (plan.upstreams[0], headers["x-edge-router-degraded"]) == (upstream, "classifier slow")
    assert (headers["X-Chosen-Classifier"], headers["x-edge-router-level"]) == (upstream, "default")


@pytest.mark.parametrize(
    ("hint", "policy"),
    [
        (RoutingHint(model="auto"), TASK_ROUTER),
        (RoutingHint(model=COMPLEXITY_ROUTER), COMPLEXITY_ROUTER),
        (RoutingHint(policy=COMPLEXITY_ROUTER), COMPLEXITY_ROUTER),
        (RoutingHint(policy=COMPLEXITY_ROUTER, model="ignored"), COMPLEXITY_ROUTER),
    ],
)
async def test_the_model_or_the_old_contracts_field_names_the_policy(hint: RoutingHint, policy: str) -> None:
    plan = await planned({}, llm_request(hint=hint))
    assert (plan.policy, plan.strategy) == (policy, "triton")


async def test_the_error_for_an_unknown_policy_lists_the_policies() -> None:
    with pytest.raises(NotFoundError, match=r"'mood_router'.*task_router, complexity_router") as refusal:
        await planned({}, llm_request(hint=RoutingHint(policy="mood_router")))
    assert refusal.value.code == "policy_not_found"


@pytest.mark.parametrize("content", [{}, {"policies": {TASK_ROUTER: {"default": "medium"}}}])
async def test_the_prompt_is_not_classified_when_no_decision_is_needed(content: dict[str, Any]) -> None:
    classifier = Classifier()
    plan = await planned(content, classifier=classifier)
    assert (classifier.texts, plan.source) == ([], None)
