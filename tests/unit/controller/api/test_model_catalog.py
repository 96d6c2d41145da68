"""The list of models shows exactly what the caller may name now."""

import pytest

from edge_router.controller.api import ModelNotFoundError
from edge_router.controller.app import model_catalog
from edge_router.controller.caller import Caller
from edge_router.controller.config import RouterConfig

CONFIG = RouterConfig.model_validate(
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
ROUTED_NAMES = ["auto", "task_router"]


def listed(*, down: frozenset[str] = frozenset(), caller: Caller = Caller()) -> list[str]:  # noqa: B008
    return [model.name for model in model_catalog(CONFIG, lambda name: name not in down, caller).models()]


def test_each_name_is_listed_once_and_routed_names_come_first() -> None:
    assert listed() == [*ROUTED_NAMES, "qwen3:0.6b", "big"]


def test_a_model_is_hidden_when_all_of_its_upstreams_are_down() -> None:
    assert listed(down=frozenset({"large"})) == [*ROUTED_NAMES, "qwen3:0.6b", "big"]
    assert listed(down=frozenset({"large", "spare"})) == [*ROUTED_NAMES, "qwen3:0.6b"]


@pytest.mark.parametrize("allowed", ["small", "qwen3:0.6b"])
def test_a_caller_sees_the_models_that_its_key_allows(allowed: str) -> None:
    assert listed(caller=Caller(models=frozenset({allowed}))) == [*ROUTED_NAMES, "qwen3:0.6b"]


@pytest.mark.parametrize(
    ("name", "found"), [("auto", "auto"), ("auto:latest", "auto"), ("big:latest", "big"), ("qwen3:0.6b", "qwen3:0.6b")]
)
def test_a_model_is_found_with_ollamas_tag_and_without(name: str, found: str) -> None:
    assert model_catalog(CONFIG, lambda name: True, Caller()).model(name).name == found


def test_a_model_of_an_upstream_that_is_down_is_not_found() -> None:
    with pytest.raises(ModelNotFoundError):
        model_catalog(CONFIG, lambda name: name != "small", Caller()).model("qwen3:0.6b")
