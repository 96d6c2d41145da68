"""The plan in the reply's headers and in the answer of `/v1/route`."""

import msgspec
import pytest

from edge_router.controller.api import Operation
from edge_router.controller.classifier import DecisionSource
from edge_router.controller.routing.plan import Plan
from edge_router.controller.telemetry import RequestRecord
from tests.unit.controller.routing.scenario import decision

FULL = Plan(
    ["small"],
    "triton",
    "task_router",
    decision("Code", 0.123456, 0.0),
    "Code",
    rule="tools",
    source=DecisionSource.CACHED,
    degraded="large is down",
    classified_in=0.00123,
)


def test_headers_hold_every_known_value() -> None:
    assert FULL.headers("small", "small-model") == {
        "X-Chosen-Classifier": "Code",
        "x-edge-router-policy": "task_router",
        "x-edge-router-strategy": "triton",
        "x-edge-router-label": "Code",
        "x-edge-router-confidence": "0.1235",
        "x-edge-router-score": "0.0",
        "x-edge-router-rule": "tools",
        "x-edge-router-source": "cached",
        "x-edge-router-level": "cached",
        "x-edge-router-upstream": "small",
        "x-edge-router-model": "small-model",
        "x-edge-router-degraded": "large is down",
        "x-edge-router-classified-in-ms": "1.23",
    }


def test_headers_hold_no_unknown_value() -> None:
    assert Plan(["small"], "pinned").headers("small", "m") == {
        "X-Chosen-Classifier": "small",
        "x-edge-router-strategy": "pinned",
        "x-edge-router-upstream": "small",
        "x-edge-router-model": "m",
    }


def test_the_answer_of_a_dry_run_holds_the_decision_and_its_reasons() -> None:
    task = decision("Code", 0.75, 0.5)
    plan = Plan(
        ("large", "small"),
        "triton",
        "task_router",
        task,
        "Code",
        rule="long",
        source=DecisionSource.SERVER,
        decisions={"task_router": task},
    )
    assert msgspec.json.decode(msgspec.json.encode(plan.to_json("large-model"))) == {
        "object": "route",
        "upstreams": ["large", "small"],
        "model": "large-model",
        "strategy": "triton",
        "policy": "task_router",
        "label": "Code",
        "confidence": 0.75,
        "score": 0.5,
        "probabilities": {"Code": 0.75, "Other": 0.25},
        "decisions": {"task_router": {"label": "Code", "score": 0.5, "probabilities": {"Code": 0.75, "Other": 0.25}}},
        "rule": "long",
        "source": "server",
        "level": "server",
        "degraded": None,
    }


def test_the_answer_of_a_dry_run_without_a_decision_holds_nulls() -> None:
    answer = Plan(("small",), "pinned").to_json("small-model")
    assert (answer["model"], answer["strategy"], answer["label"]) == ("small-model", "pinned", None)
    assert (answer["confidence"], answer["score"], answer["probabilities"]) == (None, None, None)


@pytest.mark.parametrize(("model", "said"), [("zoé", "zo?"), ("a\r\nx-evil: 1", "a??x-evil: 1")])
def test_a_header_is_one_line_of_ascii_whatever_the_names_are(model: str, said: str) -> None:
    assert Plan(["small"], "pinned").headers("small", model)["x-edge-router-model"] == said


def test_the_record_holds_the_plan() -> None:
    record = RequestRecord("id", Operation.CHAT)
    record.add_plan(FULL)
    for name in ("policy", "strategy", "label", "rule", "source", "degraded", "classified_in"):
        assert getattr(record, name) == getattr(FULL, name)
