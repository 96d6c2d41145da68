"""The first rule that matches decides."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from edge_router.contract import COMPLEXITY_ROUTER, TASK_ROUTER
from edge_router.controller.api import RequestFeatures
from edge_router.controller.classifier import ClassifierFault
from edge_router.controller.routing.router import Router
from tests.unit.controller.routing.scenario import (
    MONDAY_NOON,
    Classifier,
    context,
    llm_request,
    planned,
    routes,
)

SENT = RequestFeatures(tokens=1000, tools=True, response_format=True)


@pytest.mark.parametrize(
    ("when", "matches"),
    [
        pytest.param({}, True, id="anything"),
        pytest.param({"tools": True}, True, id="tools"),
        pytest.param({"tools": False}, False, id="no tools"),
        pytest.param({"images": True}, False, id="images"),
        pytest.param({"images": False}, True, id="no images"),
        pytest.param({"response_format": True}, True, id="a form"),
        pytest.param({"background_task": True}, False, id="background task"),
        pytest.param({"tokens": {"at_least": 1000}}, True, id="tokens at least"),
        pytest.param({"tokens": {"below": 1000}}, False, id="tokens below"),
        pytest.param({"tokens": {"at_least": 1, "below": 1001}}, True, id="tokens between"),
        pytest.param({"header": {"X-Team": "research*"}}, True, id="header, whatever the case of its name"),
        pytest.param({"header": {"x-team": ["sales", "RESEARCH-?"]}}, True, id="one of several patterns"),
        pytest.param({"header": {"x-team": "search*"}}, False, id="a pattern is for the whole value"),
        pytest.param({"header": {"x-other": "*"}}, False, id="header that is not there"),
        pytest.param({"header": {"x-team": "*", "x-other": "*"}}, False, id="one header of two"),
        pytest.param({"model": "aut?"}, True, id="model"),
        pytest.param({"model": ["gpt-4*"]}, False, id="another model"),
        pytest.param({"upstream": {"medium": "down"}}, True, id="upstream down"),
        pytest.param({"upstream": {"small": "down"}}, False, id="upstream not down"),
        pytest.param({"upstream": {"medium": "down", "small": "up"}}, True, id="two upstreams"),
        pytest.param({"task": "Code"}, True, id="task"),
        pytest.param({"task": ["Chatbot", "Other"]}, False, id="other tasks"),
        pytest.param({"complexity": {"at_least": 0.25}}, True, id="score"),
        pytest.param({"complexity": {"below": 0.25}}, False, id="score too high"),
        pytest.param({"dimensions": {"Reasoning": {"at_least": 0.6}}}, True, id="dimension"),
        pytest.param({"dimensions": {"Reasoning": {"at_least": 0.6}, "Other": {"below": 0.4}}}, False, id="one of two"),
        pytest.param({"labels": {"task_router": ["Code", "Other"]}}, True, id="label of a policy"),
        pytest.param({"labels": {"task_router": "Code", "complexity_router": "Other"}}, False, id="one policy of two"),
        pytest.param({"score": {"complexity_router": {"at_least": 0.25}}}, True, id="score of a policy"),
        pytest.param({"score": {"complexity_router": {"below": 0.25}}}, False, id="score of a policy too high"),
        pytest.param({"score": {"task_router": {"below": 1}}}, False, id="policy without a score"),
        pytest.param({"probabilities": {"task_router": {"Code": {"at_least": 0.8}}}}, True, id="probability"),
        pytest.param({"probabilities": {"task_router": {"Code": {"below": 0.8}}}}, False, id="probability too high"),
        pytest.param({"confidence": {"at_least": 0.8}}, True, id="confidence"),
        pytest.param({"confidence": {"below": 0.8}}, False, id="confidence too high"),
        pytest.param({"margin": {"at_least": 0.5}}, True, id="margin"),
        pytest.param({"margin": {"at_least": 0.7}}, False, id="margin too small"),
        pytest.param({"tools": True, "task": "Code"}, True, id="both"),
        pytest.param({"tools": True, "task": "Chatbot"}, False, id="one of both"),
    ],
)
async def test_all_conditions_of_a_rule_must_hold(when: dict[str, Any], matches: bool) -> None:
    around = context("medium", headers={"x-team": "Research-1"})
    plan = await planned({"rules": [{"when": when, "to": "large"}]}, llm_request(features=SENT), around)
    assert (plan.upstreams[0], plan.rule) == (("large", "rules.0") if matches else ("small", None))


@pytest.mark.parametrize(
    ("time", "hours_later", "matches"),
    [
        ({"from": "12:00", "to": "13:00"}, 0, True),
        ({"from": "11:00", "to": "12:00"}, 0, False),
        ({"from": "22:00", "to": "06:00"}, 10, True),
        ({"from": "22:00", "to": "06:00"}, 17.9, True),
        ({"from": "22:00", "to": "06:00"}, 18, False),
        ({"from": "22:00", "to": "06:00", "days": ["mon"]}, 17, True),
        ({"from": "22:00", "to": "06:00", "days": ["tue"]}, 17, False),
        ({"days": ["mon"]}, 0, True),
        ({"days": ["mon"]}, 12, False),
        ({"from": "12:00"}, 11.9, True),
        ({"from": "12:00"}, 12, False),
        ({"from": 22 * 60, "to": "23:00"}, 10, True),
    ],
)
async def test_hours_may_cross_midnight(time: dict[str, Any], hours_later: float, matches: bool) -> None:
    now: datetime = MONDAY_NOON + timedelta(hours=hours_later)
    plan = await planned({"rules": [{"when": {"time": time}, "to": "large"}]}, around=context(now=now))
    assert plan.upstreams[0] == ("large" if matches else "small")


async def test_the_first_matching_rule_decides_and_common_rules_precede_the_policys() -> None:
    rules = [{"when": {"images": True}, "to": "small"}, {"name": "second", "to": "medium"}, {"to": "large"}]
    policy = {"rules": [{"to": "large"}], "routes": {"Code": "large"}}
    assert (await planned({"rules": rules, "policies": {TASK_ROUTER: policy}})).rule == "second"
    assert (await planned({"policies": {TASK_ROUTER: policy}})).rule == "policies.task_router.rules.0"


async def test_a_policys_rules_hold_for_that_policy() -> None:
    policies = {TASK_ROUTER: {"rules": [{"to": "large"}]}, COMPLEXITY_ROUTER: {}}
    assert (await planned({"policies": policies}, llm_request(COMPLEXITY_ROUTER))).upstreams[0] == "small"


async def test_confidence_is_that_of_the_requested_policy() -> None:
    content = {"rules": [{"when": {"confidence": {"below": 0.7}}, "to": "large"}]}
    assert (await planned(content, llm_request(TASK_ROUTER))).upstreams[0] == "small"
    assert (await planned(content, llm_request(COMPLEXITY_ROUTER))).upstreams[0] == "large"


async def test_the_prompt_is_classified_once_and_only_when_the_cheap_conditions_hold() -> None:
    classifier = Classifier()
    rules = [
        {"when": {"tools": True, "task": "Other"}, "to": "medium"},
        {"when": {"task": "Other"}, "to": "medium"},
        {"when": {"complexity": {"at_least": 0.9}}, "to": "medium"},
    ]
    content = {"rules": [*rules, {"when": {"tools": False}, "to": "large"}]}
    assert (await planned(content, classifier=classifier)).rule == "rules.3"
    assert classifier.texts == ["hello"]
    await planned({"rules": rules[:1]}, classifier=classifier)
    assert classifier.texts == ["hello"]


async def test_rules_without_a_decision_hold_when_no_classifier_answers() -> None:
    rules = [{"when": {"task": "Code"}, "to": "medium"}, {"when": {"tools": False}, "to": "large"}]
    plan = await planned({"rules": rules}, classifier=Classifier(reason=ClassifierFault.UNAVAILABLE))
    assert (plan.upstreams[0], plan.source, plan.degraded) == ("large", "rules", "classifier unavailable")


async def test_background_tasks_go_to_their_target_before_the_rules() -> None:
    content = {"background_tasks": "medium", "rules": [{"to": "large"}]}
    plan = await planned(content, llm_request(features=RequestFeatures(background_task=True)))
    assert (list(plan.upstreams), plan.rule) == (["medium", "small"], "background_tasks")
    assert (await planned(content)).upstreams[0] == "large"


async def test_explain_lists_every_step_without_the_clients_text() -> None:
    rules = [
        {"when": {"header": {"x-team": "sales"}}, "to": "medium"},
        {"when": {"tokens": {"below": 10}}, "to": "medium"},
        {"when": {"task": "Chatbot"}, "to": "medium"},
    ]
    policy = {"routes": {"Code": "large"}, "score": [{"at_least": 0.5, "upstream": "medium"}]}
    router = Router(routes(rules=rules, policies={TASK_ROUTER: policy}), Classifier())
    around = context(headers={"x-team": "a secret"})
    plan, steps = await router.explain(llm_request(features=RequestFeatures(tokens=20)), around)
    assert plan.upstreams[0] == "large"
    assert steps == [
        ("rules.0", "the header x-team has another value"),
        ("rules.1", "20 tokens are not below 10"),
        ("rules.2", "the task is Code"),
        ("policies.task_router.score.0.5", "there is no score"),
        ("policies.task_router.routes.Code", None),
    ]
