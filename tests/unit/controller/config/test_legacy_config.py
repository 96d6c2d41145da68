"""The `config.yaml` of NVIDIA's LLM router blueprint works as it is."""

from pathlib import Path

import pytest

from edge_router.controller.config import RouterConfig
from edge_router.errors import ConfigError

OLD = """\
policies:
  - name: "task_router"
    url: http://router-server:8000/v2/models/task_router_ensemble/infer
    llms:
      - name: Brainstorming
        api_base: https://integrate.api.nvidia.com
        api_key: ${NVIDIA_API_KEY}
        model: meta/llama-3.1-70b-instruct
      - name: Chatbot
        api_base: https://integrate.api.nvidia.com/v1/
        api_key: ${NVIDIA_API_KEY}
        model: meta/llama-3.1-8b-instruct
  - name: "complexity_router"
    url: http://router-server:8000/v2/models/complexity_router_ensemble/infer
    llms:
      - name: Reasoning
        api_base: http://127.0.0.1:11434
        api_key: sk-written
        model: meta/llama-3.1-8b-instruct
      - name: Creativity
        api_base: https://integrate.api.nvidia.com
        api_key: ${NVIDIA_API_KEY}
        model: meta/llama-3.1-70b-instruct
"""


def read(tmp_path: Path, text: str) -> RouterConfig:
    file = tmp_path / "config.yaml"
    file.write_text(text)
    return RouterConfig.read(file)


def test_labels_lead_to_upstreams_by_their_names(tmp_path: Path) -> None:
    routes = read(tmp_path, OLD)
    assert {name: (str(found.url), found.model) for name, found in routes.upstreams.items()} == {
        "meta/llama-3.1-70b-instruct": ("https://integrate.api.nvidia.com/v1", "meta/llama-3.1-70b-instruct"),
        "meta/llama-3.1-8b-instruct": ("https://integrate.api.nvidia.com/v1", "meta/llama-3.1-8b-instruct"),
        "meta/llama-3.1-8b-instruct 2": ("http://127.0.0.1:11434/v1", "meta/llama-3.1-8b-instruct"),
    }
    assert routes.policies["task_router"].routes == {
        "Brainstorming": "meta/llama-3.1-70b-instruct",
        "Chatbot": "meta/llama-3.1-8b-instruct",
    }
    assert routes.policies["complexity_router"].routes == {
        "Reasoning": "meta/llama-3.1-8b-instruct 2",
        "Creativity": "meta/llama-3.1-70b-instruct",
    }
    defaults = [routes.default, *(policy.default for policy in routes.policies.values())]
    assert defaults == ["meta/llama-3.1-70b-instruct", "meta/llama-3.1-70b-instruct", "meta/llama-3.1-8b-instruct 2"]
    assert routes.auto == "task_router"
    assert [str(url) for url in routes.classifier.urls] == ["http://router-server:8000/"]


def test_keys_are_read_and_never_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NVIDIA_API_KEY", "nvapi-from-variable")
    routes = read(tmp_path, OLD)
    assert routes.read_keys() == {
        "meta/llama-3.1-70b-instruct": "nvapi-from-variable",
        "meta/llama-3.1-8b-instruct": "nvapi-from-variable",
        "meta/llama-3.1-8b-instruct 2": "sk-written",
    }
    shown = routes.model_dump_json() + repr(routes) + str(routes.model_dump())
    assert "nvapi-from-variable" not in shown
    assert "sk-written" not in shown


def test_a_key_may_be_made_of_variables_and_may_be_absent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NVIDIA_API_KEY", "a")
    monkeypatch.setenv("TENANT", "b")
    text = OLD.replace("sk-written", "${TENANT}-c").replace("        api_key: ${NVIDIA_API_KEY}\n", "")
    assert read(tmp_path, text).read_keys() == {"meta/llama-3.1-8b-instruct 2": "b-c"}


def test_the_same_model_for_another_key_is_another_upstream(tmp_path: Path) -> None:
    last = OLD.rindex("${NVIDIA_API_KEY}")
    routes = read(tmp_path, OLD[:last] + "sk-other" + OLD[last + len("${NVIDIA_API_KEY}") :])
    creative, first = routes.policies["complexity_router"].routes["Creativity"], routes.default
    assert routes.upstreams[creative].url == routes.upstreams[first].url
    assert creative != first
    assert routes.upstreams[creative] != routes.upstreams[first]


def test_a_variable_that_is_not_set_is_refused_by_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NVIDIA_API_KEY", raising=False)
    with pytest.raises(ConfigError, match="NVIDIA_API_KEY"):
        read(tmp_path, OLD).read_keys()
    with pytest.raises(
        ConfigError, match=r"config\.yaml:17: policies\.1\.llms\.0\.api_base: .*EDGE_NO_SUCH is not set"
    ):
        read(tmp_path, OLD.replace("http://127.0.0.1:11434", "${EDGE_NO_SUCH}"))


def test_a_policy_of_any_name_is_compared_with_the_classifiers(tmp_path: Path) -> None:
    config = read(tmp_path, OLD.replace('"complexity_router"', '"intent_router"', 1))
    with pytest.raises(
        ConfigError, match=r"policies\.intent_router\.routes: the classifier has no policy intent_router; "
    ):
        config.check_labels({policy: list(config.policies[policy].routes) for policy in ["task_router"]})


@pytest.mark.parametrize(
    ("right", "wrong", "problem"),
    [
        (
            "model: meta/llama-3.1-70b",
            "modle: meta/llama-3.1-70b",
            "8: policies.0.llms.0.modle: no such key; did you mean model?",
        ),
        (
            "- name: Chatbot",
            "- name: Brainstorming",
            "9: policies.0.llms.1.name: Brainstorming occurs more than once; remove one",
        ),
        ('"complexity_router"', '"task_router"', "13: policies.1.name: task_router occurs more than once; remove one"),
        ("api_base: http://127.0.0.1:11434", "api_base: 127.0.0.1", "17: policies.1.llms.0.api_base: "),
        ("127.0.0.1:11434", "user:password@h", "1: upstreams.meta/llama-3.1-8b-instruct 2.url: contains a user or a"),
        ("api_key: sk-written", "api_key: [sk-written]", "18: policies.1.llms.0.api_key: "),
    ],
)
def test_a_mistake_is_named_by_its_line_and_key(tmp_path: Path, right: str, wrong: str, problem: str) -> None:
    with pytest.raises(ConfigError) as refusal:
        read(tmp_path, OLD.replace(right, wrong, 1))
    assert f"config.yaml:{problem}" in str(refusal.value)
    assert "sk-written" not in str(refusal.value)
