"""A client may name what is listed, and is shown what it may name."""

import pytest

from edge_router.controller.api.models import ModelCatalog
from edge_router.controller.caller import Caller
from edge_router.controller.config import RouterConfig
from edge_router.controller.routing.errors import ModelNotFoundError

ROUTES = RouterConfig.model_validate(
    {
        "upstreams": {
            "small": {"url": "http://127.0.0.1:1/v1", "model": "qwen3:0.6b", "context": 4096},
            "large": {"url": "http://127.0.0.1:2/v1", "model": "big"},
            "spare": {"url": "http://127.0.0.1:3/v1", "model": "big"},
        },
        "default": "small",
        "policies": {"task_router": {}},
    }
)
ROUTED = ["auto", "task_router"]


def listed(*, down: frozenset[str] = frozenset(), caller: Caller = Caller()) -> list[str]:  # noqa: B008
    return [model.name for model in ModelCatalog(ROUTES, lambda name: name not in down, caller).models()]


def test_each_name_is_listed_once_and_those_that_route_first() -> None:
    assert listed() == [*ROUTED, "qwen3:0.6b", "big"]


def test_a_model_is_hidden_when_nobody_who_serves_it_is_up() -> None:
    assert listed(down=frozenset({"large"})) == [*ROUTED, "qwen3:0.6b", "big"]
    assert listed(down=frozenset({"large", "spare"})) == [*ROUTED, "qwen3:0.6b"]


@pytest.mark.parametrize("allowed", ["small", "qwen3:0.6b"])
def test_a_caller_sees_the_models_its_key_reaches(allowed: str) -> None:
    assert listed(caller=Caller(models=frozenset({allowed}))) == [*ROUTED, "qwen3:0.6b"]


@pytest.mark.parametrize(
    ("name", "found"), [("auto", "auto"), ("auto:latest", "auto"), ("big:latest", "big"), ("qwen3:0.6b", "qwen3:0.6b")]
)
def test_a_model_is_found_with_ollamas_tag_and_without(name: str, found: str) -> None:
    assert ModelCatalog(ROUTES, lambda name: True, Caller()).model(name).name == found


def test_a_model_that_is_not_listed_is_not_found() -> None:
    with pytest.raises(ModelNotFoundError):
        ModelCatalog(ROUTES, lambda name: name != "small", Caller()).model("qwen3:0.6b")
