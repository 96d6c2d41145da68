"""Which upstream a decision, or the client itself, leads to."""

from typing import Any

import pytest

from edge_router.controller.asked import Ask
from edge_router.controller.classification.decision import Decision
from edge_router.controller.routes.routes import Routes
from edge_router.controller.routing.policy import decided, pinned, policy_asked, undecided
from edge_router.errors import NotFoundError


def routes(**policy: Any) -> Routes:
    """`policy`: of the task router; `small` is the default of all."""
    names = ("small", "medium", "large")
    upstreams = {name: {"url": "http://h/v1", "model": f"{name}-model"} for name in names}
    policies = {"task_router": policy, "complexity_router": {}}
    return Routes.model_validate({"upstreams": upstreams, "default": "small", "policies": policies})


def decision(label: str = "Code", score: float | None = None) -> Decision:
    return Decision(label, {label: 0.9}, score)


SCORES = [{"at_least": 0.3, "upstream": "medium"}, {"at_least": 0.7, "upstream": "large"}]


@pytest.mark.parametrize(
    ("policy", "score", "upstream"),
    [
        pytest.param({"routes": {"Code": "large"}}, None, "large", id="label's route"),
        pytest.param({"routes": {"Chatbot": "large"}}, None, "small", id="no route: default of all"),
        pytest.param(
            {"routes": {"Chatbot": "large"}, "default": "medium"}, None, "medium", id="no route: policy's default"
        ),
        pytest.param({}, None, "small", id="no rule at all"),
        pytest.param({"score": SCORES}, 0.29, "small", id="under every score"),
        pytest.param({"score": SCORES}, 0.3, "medium", id="at the lower score"),
        pytest.param({"score": SCORES}, 0.7, "large", id="at the higher score"),
        pytest.param({"score": SCORES}, 1.0, "large", id="over every score"),
        pytest.param({"score": SCORES}, None, "small", id="no score to compare"),
        pytest.param({"score": SCORES, "routes": {"Code": "small"}}, 0.5, "medium", id="score before label"),
        pytest.param({"score": SCORES, "routes": {"Code": "large"}}, 0.1, "large", id="label when no score is reached"),
        pytest.param({"score": [{"at_least": 0, "upstream": "large"}]}, 0.0, "large", id="zero is a score"),
    ],
)
def test_score_then_label_then_default_decide(policy: dict[str, Any], score: float | None, upstream: str) -> None:
    choice = decided("task_router", decision(score=score), routes(**policy))
    assert (choice.upstream, choice.label, choice.policy, choice.degraded) == (upstream, "Code", "task_router", None)


@pytest.mark.parametrize(("policy", "upstream"), [({}, "small"), ({"default": "medium"}, "medium")])
def test_the_nearest_default_answers_where_nothing_was_decided(policy: dict[str, Any], upstream: str) -> None:
    choice = undecided("task_router", "classifier slow", routes(**policy))
    headers = choice.headers("a-model")
    assert (choice.upstream, headers["x-edge-router-degraded"]) == (upstream, "classifier slow")
    assert headers["X-Chosen-Classifier"] == upstream


@pytest.mark.parametrize(
    ("ask", "policy"),
    [
        (Ask(model="auto"), "task_router"),
        (Ask(model="complexity_router"), "complexity_router"),
        (Ask(model="large-model"), None),
        (Ask(policy="complexity_router"), "complexity_router"),
        (Ask(policy="complexity_router", model="ignored"), "complexity_router"),
        (Ask(policy="complexity_router", strategy="manual", model="large"), None),
    ],
)
def test_a_policy_is_asked_unless_the_client_decides(ask: Ask, policy: str | None) -> None:
    assert policy_asked(ask, routes()) == policy


def test_an_unknown_policy_is_answered_with_those_there_are() -> None:
    with pytest.raises(NotFoundError, match=r"'mood_router'.*task_router, complexity_router"):
        policy_asked(Ask(policy="mood_router"), routes())


@pytest.mark.parametrize(
    ("ask", "upstream", "label"),
    [
        pytest.param(Ask("task_router", "manual", "Code"), "large", "Code", id="label"),
        pytest.param(Ask("task_router", "manual", "medium"), "medium", None, id="upstream"),
        pytest.param(Ask("task_router", "manual", "medium-model"), "medium", None, id="upstream's model"),
        pytest.param(Ask(model="medium-model"), "medium", None, id="model without a policy"),
    ],
)
def test_the_client_may_name_a_label_an_upstream_or_its_model(ask: Ask, upstream: str, label: str | None) -> None:
    choice = pinned(ask, routes(routes={"Code": "large"}))
    assert (choice.upstream, choice.label, choice.decision) == (upstream, label, None)


@pytest.mark.parametrize("ask", [Ask(model="Code"), Ask("complexity_router", "manual", "Code"), Ask(model="")])
def test_a_label_needs_its_own_policy(ask: Ask) -> None:
    with pytest.raises(NotFoundError, match="/v1/models"):
        pinned(ask, routes(routes={"Code": "large"}))


def test_headers_say_what_is_known_and_nothing_else() -> None:
    choice = decided("task_router", Decision("Code", {"Code": 0.123456}, 0.0), routes())
    assert choice.headers("small-model") == {
        "X-Chosen-Classifier": "Code",
        "x-edge-router-policy": "task_router",
        "x-edge-router-strategy": "triton",
        "x-edge-router-label": "Code",
        "x-edge-router-confidence": "0.1235",
        "x-edge-router-score": "0.0",
        "x-edge-router-upstream": "small",
        "x-edge-router-model": "small-model",
    }


@pytest.mark.parametrize(("model", "said"), [("zoé", "zo?"), ("a\r\nx-evil: 1", "a??x-evil: 1")])
def test_a_header_is_one_line_of_ascii_whatever_the_names_are(model: str, said: str) -> None:
    assert undecided("task_router", "slow", routes()).headers(model)["x-edge-router-model"] == said
