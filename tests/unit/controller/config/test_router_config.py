"""`routes.yaml`: a wrong file is refused at start, by the name of the key."""

import contextlib
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import ValidationError

from edge_router.controller.config import Conditions, RouterConfig
from edge_router.errors import ConfigError

RIGHT: dict[str, Any] = {
    "upstreams": {
        "small": {"url": "http://127.0.0.1:1/v1", "model": "s"},
        "large": {"url": "http://h/v1", "model": "l"},
    },
    "default": "small",
    "auto": "complexity_router",
    "policies": {
        "task_router": {"routes": {"Code": "large"}, "default": "small"},
        "complexity_router": {"score": [{"at_least": 0.6, "upstream": "large"}]},
    },
}
LABELS = {"task_router": ["Code", "Chatbot"], "complexity_router": ["Reasoning"]}
REMOVED = object()


def changed(path: str, value: Any) -> dict[str, Any]:
    content = deepcopy(RIGHT)
    *parents, last = (int(key) if key.isdecimal() else key for key in path.split("/"))
    at: Any = content
    for key in parents:
        at = at[key]
    if value is REMOVED:
        del at[last]
    else:
        at[last] = value
    return content


def read(tmp_path: Path, content: Any) -> RouterConfig:
    file = tmp_path / "routes.yaml"
    file.write_text(content if isinstance(content, str) else yaml.safe_dump(content))
    return RouterConfig.read(file)


def test_the_shipped_file_and_its_example_are_read(tmp_path: Path) -> None:
    shipped = RouterConfig.read(Path(__file__).parents[4] / "compose" / "routes.example.yaml")
    assert shipped.upstreams[shipped.default].model == "qwen3:0.6b"
    assert read(tmp_path, RIGHT).auto == "complexity_router"


@pytest.mark.parametrize(
    ("path", "value", "named"),
    [
        pytest.param("upstreams", REMOVED, "upstreams: ", id="no upstreams"),
        pytest.param("upstreams", {}, "upstreams: ", id="empty upstreams"),
        pytest.param("upstreams/small/url", REMOVED, "upstreams.small.url: ", id="no url"),
        pytest.param("upstreams/small/url", "127.0.0.1:1/v1", "upstreams.small.url: ", id="url without a scheme"),
        pytest.param("upstreams/small/url", "ftp://h/v1", "upstreams.small.url: ", id="url of another scheme"),
        pytest.param("upstreams/small/model", REMOVED, "upstreams.small.model: ", id="no model"),
        pytest.param("upstreams/small/model", "", "upstreams.small.model: ", id="empty model"),
        pytest.param("upstreams/small/modle", "s", "upstreams.small.modle: ", id="misspelt key of an upstream"),
        pytest.param("upstreams/small/api_key", {}, "upstreams.small.api_key: ", id="key without a source"),
        pytest.param(
            "upstreams/small/api_key", {"env": "A", "file": "/a"}, "upstreams.small.api_key: ", id="key of two sources"
        ),
        pytest.param(
            "upstreams/small/api_key", {"value": "a"}, "upstreams.small.api_key.value: ", id="key of an unknown source"
        ),
        pytest.param("default", REMOVED, "default: ", id="no default"),
        pytest.param("default", "tiny", "default: 'tiny'", id="default is no upstream"),
        pytest.param("defualt", "small", "defualt: ", id="misspelt key"),
        pytest.param("auto", "mood_router", "auto: mood_router", id="auto is no policy"),
        pytest.param("policies", REMOVED, "policies: ", id="no policies"),
        pytest.param("policies", {}, "policies: ", id="empty policies"),
        pytest.param("policies/task_router", REMOVED, "auto: task_router", id="policy behind auto not configured"),
        pytest.param("policies/task_router/ruels", [], "policies.task_router.ruels: ", id="misspelt key of a policy"),
        pytest.param(
            "policies/task_router/routes/Code",
            "tiny",
            "policies.task_router.routes.Code: 'tiny'",
            id="route to nowhere",
        ),
        pytest.param("policies/task_router/routes", ["Code"], "policies.task_router.routes: ", id="routes a list"),
        pytest.param(
            "policies/task_router/default",
            "tiny",
            "policies.task_router.default: 'tiny'",
            id="policy's default nowhere",
        ),
        pytest.param(
            "policies/complexity_router/score/0/upstream",
            "tiny",
            "policies.complexity_router.score.0.upstream: 'tiny'",
            id="score to nowhere",
        ),
        pytest.param(
            "policies/complexity_router/score",
            [{"at_least": 0.6, "upstream": "large"}, {"at_least": 0.6, "upstream": "tiny"}],
            "policies.complexity_router.score.1.upstream: 'tiny'",
            id="score to nowhere beside its equal",
        ),
        pytest.param(
            "policies/complexity_router/score/0/at_least",
            1.1,
            "policies.complexity_router.score.0.at_least: ",
            id="score over 1",
        ),
        pytest.param(
            "policies/complexity_router/score/0/at_least",
            "high",
            "policies.complexity_router.score.0.at_least: ",
            id="score no number",
        ),
    ],
)
def test_a_wrong_file_is_refused_by_its_key(tmp_path: Path, path: str, value: Any, named: str) -> None:
    content = changed(path, value)
    if path == "policies/task_router":
        del content["auto"]
    with pytest.raises(ConfigError) as refusal:
        read(tmp_path, content)
    assert all(line.startswith(f"{tmp_path / 'routes.yaml'}:") for line in str(refusal.value).splitlines())
    assert named in str(refusal.value)


@pytest.mark.parametrize("content", ["", "small", "[1]", "a: [", "\t", "a: !!python/object:os.system {}"])
def test_a_file_that_is_no_mapping_is_refused_by_name(tmp_path: Path, content: str) -> None:
    with pytest.raises(ConfigError, match=r"routes\.yaml:1: "):
        read(tmp_path, content)


def test_a_file_that_cannot_be_read_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"nowhere\.yaml: "):
        RouterConfig.read(tmp_path / "nowhere.yaml")
    (tmp_path / "latin.yaml").write_bytes(b"default: \xe9")
    with pytest.raises(ConfigError, match=r"latin\.yaml: "):
        RouterConfig.read(tmp_path / "latin.yaml")


def test_a_label_the_server_does_not_have_is_refused_by_its_key(tmp_path: Path) -> None:
    read(tmp_path, RIGHT).check_labels(LABELS)
    with pytest.raises(ConfigError, match=r"policies\.task_router\.routes: unknown label Cooode; did you mean Code\?"):
        read(tmp_path, changed("policies/task_router/routes/Cooode", "large")).check_labels(LABELS)


@pytest.mark.parametrize(
    ("when", "named"),
    [
        ({"task": "Cooode"}, r"rules\.0\.when\.task: unknown label Cooode; did you mean Code\?"),
        (
            {"dimensions": {"Raesoning": {"below": 1}}},
            r"rules\.0\.when\.dimensions: unknown label Raesoning; did you mean Reasoning\?",
        ),
    ],
)
def test_a_rules_label_the_server_does_not_have_is_refused_by_its_key(
    tmp_path: Path, when: dict[str, Any], named: str
) -> None:
    with pytest.raises(ConfigError, match=named):
        read(tmp_path, RIGHT | {"rules": [{"when": when, "to": "small"}]}).check_labels(LABELS)


def test_a_rule_for_a_policy_the_server_does_not_answer_for_is_refused(tmp_path: Path) -> None:
    content = changed("policies/complexity_router", REMOVED) | {"auto": "task_router"}
    content["rules"] = [{"when": {"complexity": {"below": 0.5}}, "to": "small"}]
    with pytest.raises(ConfigError, match=r"rules\.0\.when\.complexity: .*complexity_router"):
        read(tmp_path, content).check_labels({"task_router": LABELS["task_router"]})


def test_a_policy_of_any_name_is_read_and_compared_with_the_classifiers(tmp_path: Path) -> None:
    config = read(tmp_path, changed("policies/mood_router", {"routes": {"sad": "large"}}))
    config.check_labels({**LABELS, "mood_router": ["sad", "merry"]})
    with pytest.raises(ConfigError, match=r"policies\.mood_router\.routes: the classifier has no policy mood_router; "):
        config.check_labels(LABELS)
    with pytest.raises(ConfigError, match=r"has no policy mood_router; did you mean moods_router\?"):
        config.check_labels({**LABELS, "moods_router": []})


def test_everything_that_the_server_does_not_have_is_named(tmp_path: Path) -> None:
    config = read(
        tmp_path, RIGHT | {"rules": [{"when": {"task": "Cooode", "complexity": {"below": 1}}, "to": "small"}]}
    )
    with pytest.raises(ConfigError) as refusal:
        config.check_labels({"task_router": LABELS["task_router"]})
    assert [line.partition(": ")[0] for line in str(refusal.value).splitlines()] == [
        "policies.complexity_router.routes",
        "rules.0.when.complexity",
        "rules.0.when.task",
    ]


@pytest.mark.parametrize(
    ("short", "general"),
    [
        ({"task": "Code"}, {"labels": {"task_router": ["Code"]}}),
        ({"complexity": {"below": 0.5}}, {"score": {"complexity_router": {"below": 0.5}}}),
        (
            {"dimensions": {"Reasoning": {"below": 0.5}}},
            {"probabilities": {"complexity_router": {"Reasoning": {"below": 0.5}}}},
        ),
    ],
)
def test_a_short_form_means_the_general_one(short: dict[str, Any], general: dict[str, Any]) -> None:
    assert Conditions.model_validate(short).decisions == Conditions.model_validate(general).decisions
    with pytest.raises(ValidationError, match="give one of the two"):
        Conditions.model_validate(short | general)


@pytest.mark.parametrize(
    ("when", "named"),
    [
        ({"labels": {"task_router": "Cooode"}}, r"rules\.0\.when\.labels\.task_router: unknown label Cooode"),
        ({"labels": {"taks_router": "Code"}}, r"rules\.0\.when\.labels\.taks_router: .*did you mean task_router"),
        (
            {"score": {"mood_router": {"below": 1}}},
            r"rules\.0\.when\.score\.mood_router: the classifier has no policy mood_router",
        ),
        (
            {"probabilities": {"complexity_router": {"Raesoning": {"below": 1}}}},
            r"rules\.0\.when\.probabilities\.complexity_router: unknown label Raesoning",
        ),
    ],
)
def test_a_general_condition_is_compared_with_the_classifiers_labels(
    tmp_path: Path, when: dict[str, Any], named: str
) -> None:
    with pytest.raises(ConfigError, match=named):
        read(tmp_path, RIGHT | {"rules": [{"when": when, "to": "small"}]}).check_labels(LABELS)


def test_conditions_on_decisions_are_said_in_words() -> None:
    when = {
        "labels": {"demand_router": ["large", "huge"]},
        "score": {"demand_router": {"at_least": 0.5}},
        "probabilities": {"task_router": {"Code": {"below": 0.2}}},
    }
    assert str(Conditions.model_validate(when)) == (
        "labels demand_router large or huge and score demand_router at least 0.5 and "
        "probabilities task_router Code below 0.2"
    )


def test_a_policy_the_server_does_not_answer_for_is_refused_by_its_key(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"policies\.complexity_router\.routes: "):
        read(tmp_path, RIGHT).check_labels({"task_router": LABELS["task_router"]})


def test_keys_are_read_from_variable_and_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SMALL_KEY", "from-variable")
    (tmp_path / "key").write_text("from-file\n")
    content = changed("upstreams/small/api_key", {"env": "SMALL_KEY"})
    content["upstreams"]["large"]["api_key"] = {"file": str(tmp_path / "key")}
    assert read(tmp_path, content).read_keys() == {"small": "from-variable", "large": "from-file"}


@pytest.mark.parametrize("source", ["env", "file"])
def test_a_missing_key_is_refused_by_its_source(tmp_path: Path, source: str) -> None:
    named = "EDGE_ROUTER_TEST_NO_SUCH_KEY"
    routes = read(tmp_path, changed("upstreams/small/api_key", {source: named}))
    with pytest.raises(ConfigError, match=rf"^upstreams\.small\.api_key\.{source} {named}: "):
        routes.read_keys()


@pytest.mark.parametrize(
    "content", [b"", b"\n", b"\xff", b"two\nlines"], ids=["empty", "blank", "not text", "two lines"]
)
def test_a_key_file_without_one_key_is_refused_by_its_source(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "key").write_bytes(content)
    routes = read(tmp_path, changed("upstreams/small/api_key", {"file": str(tmp_path / "key")}))
    with pytest.raises(ConfigError, match=r"^upstreams\.small\.api_key\.file "):
        routes.read_keys()


def test_a_key_variable_is_read_without_the_line_break_around_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SMALL_KEY", " the-key\n")
    assert read(tmp_path, changed("upstreams/small/api_key", {"env": "SMALL_KEY"})).read_keys() == {"small": "the-key"}


def test_no_secret_is_in_the_routes_that_are_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SMALL_KEY", "the-secret")
    routes = read(tmp_path, changed("upstreams/small/api_key", {"env": "SMALL_KEY"}))
    routes.read_keys()
    assert "the-secret" not in routes.model_dump_json() + repr(routes)
    assert routes.model_dump(mode="json")["upstreams"]["small"]["api_key"]["env"] == "SMALL_KEY"


def test_a_password_in_an_address_is_refused_or_hidden(tmp_path: Path) -> None:
    with contextlib.suppress(ConfigError):
        routes = read(tmp_path, changed("upstreams/small/url", "http://user:the-secret@h/v1"))
        assert "the-secret" not in routes.model_dump_json()
