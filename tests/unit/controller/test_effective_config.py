"""The configuration without a routes file: an Ollama that answers, else the demo."""

import json
from pathlib import Path

import pytest

from edge_router.contract import COMPLEXITY_ROUTER, TASK_ROUTER
from edge_router.controller import demo
from edge_router.controller.effective_config import effective_config
from edge_router.controller.settings import Settings
from edge_router.errors import ConfigError
from tests.support.fake_ollama import fake_ollama

ROUTES = Path(__file__).parents[3] / "compose"
TAGS = json.dumps({"models": [{"name": "qwen3:0.6b", "size": 1}, {"name": "qwen3:4b", "size": 2}]}).encode()


@pytest.fixture
def without_ollama(monkeypatch: pytest.MonkeyPatch, free_port: int) -> None:
    monkeypatch.setenv("OLLAMA_HOST", f"127.0.0.1:{free_port}")


def test_an_ollama_that_answers_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    with fake_ollama(TAGS) as url:
        monkeypatch.setenv("OLLAMA_HOST", url)
        config = effective_config(None, Settings())
    assert {name: upstream.model for name, upstream in config.upstreams.items()} == {
        "small": "qwen3:0.6b",
        "large": "qwen3:4b",
    }
    assert config.upstreams["small"].base == url
    assert set(config.policies) == {TASK_ROUTER, COMPLEXITY_ROUTER}
    assert demo.routes(config) == []


@pytest.mark.usefixtures("without_ollama")
def test_the_demo_of_this_very_server_answers_where_no_ollama_does() -> None:
    config = effective_config(None, Settings(port=8123))
    assert {str(upstream.url) for upstream in config.upstreams.values()} == {"http://127.0.0.1:8123/demo/v1"}
    assert [route.path for route in demo.routes(config)] == ["/demo/v1/chat/completions"]


@pytest.mark.usefixtures("without_ollama")
@pytest.mark.parametrize("text", ["", "# only a comment\n", (ROUTES / "routes.yaml").read_text()])
def test_a_file_without_content_configures_nothing(text: str, tmp_path: Path) -> None:
    file = tmp_path / "routes.yaml"
    file.write_text(text)
    assert effective_config(file, Settings()) == effective_config(None, Settings())


def test_a_file_decides_even_while_an_ollama_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    with fake_ollama(TAGS) as url:
        monkeypatch.setenv("OLLAMA_HOST", url)
        config = effective_config(ROUTES / "routes.example.yaml", Settings())
    assert config.upstreams["large"].model == "gemma3:1b"
    assert demo.routes(config) == []


@pytest.mark.usefixtures("without_ollama")
def test_a_file_that_is_named_must_exist_and_be_right(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="No such file"):
        effective_config(tmp_path / "routes.yaml", Settings())
    (tmp_path / "routes.yaml").write_text("upstreams: {}\n")
    with pytest.raises(ConfigError, match=r"routes\.yaml:1: upstreams"):
        effective_config(tmp_path / "routes.yaml", Settings())


@pytest.mark.usefixtures("without_ollama")
def test_the_default_has_the_policies_and_labels_of_a_classifier_that_is_known() -> None:
    labels = {"demand_router": ["small", "large"], TASK_ROUTER: ["Chatbot", "Code Generation"]}
    config = effective_config(None, Settings(), labels)
    config.check_labels(labels)
    assert (list(config.policies), config.auto) == (["demand_router", TASK_ROUTER], "demand_router")
    assert config.policies[TASK_ROUTER].routes == {"Code Generation": "large"}
    assert config.policies["demand_router"].routes == {}
