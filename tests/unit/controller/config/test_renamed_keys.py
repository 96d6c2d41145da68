"""A file with the old name of a key works, with a notice of the new name. Errors name the key as the file has it."""

from pathlib import Path

import pytest
from structlog.testing import capture_logs

from edge_router.controller.config import RouterConfig, log_deprecations
from edge_router.errors import ConfigError

OLD = """\
upstreams:
  small: {url: http://127.0.0.1:1/v1, model: s}
  large: {url: http://h/v1, model: l}
default: small
helpers: small
rules:
  - {when: {link: {large: down}}, to: small}
  - when:
      tools: true
      helper: true
    to: large
policies:
  task_router:
    rules: [{when: {helper: false, link: {small: up}}, to: large}]
"""
NEW = OLD.replace("helpers:", "background_tasks:").replace("helper:", "background_task:").replace("link:", "upstream:")


def read(tmp_path: Path, text: str) -> RouterConfig:
    file = tmp_path / "routes.yaml"
    file.write_text(text)
    return RouterConfig.read(file)


def test_old_keys_mean_the_same_as_new_ones(tmp_path: Path) -> None:
    old, new = read(tmp_path, OLD), read(tmp_path, NEW)
    assert old.model_dump() == new.model_dump()
    assert old.background_tasks == "small"
    assert old.policies["task_router"].rules[0].when.upstream == {"small": "up"}


def test_each_old_key_has_a_notice_with_its_line_and_new_name(tmp_path: Path) -> None:
    file = tmp_path / "routes.yaml"
    assert read(tmp_path, OLD).deprecations == [
        f"{file}:5: helpers: deprecated; rename it to background_tasks",
        f"{file}:7: rules.0.when.link: deprecated; rename it to upstream",
        f"{file}:10: rules.1.when.helper: deprecated; rename it to background_task",
        f"{file}:14: policies.task_router.rules.0.when.helper: deprecated; rename it to background_task",
        f"{file}:14: policies.task_router.rules.0.when.link: deprecated; rename it to upstream",
    ]
    assert read(tmp_path, NEW).deprecations == []


def test_the_log_has_one_line_for_all_old_keys(tmp_path: Path) -> None:
    config = read(tmp_path, OLD)
    with capture_logs() as logs:
        log_deprecations(config)
        log_deprecations(read(tmp_path, NEW))
    assert [(line["event"], line["log_level"]) for line in logs] == [("deprecated keys in the config", "warning")]
    assert logs[0]["problem"].splitlines() == config.deprecations


@pytest.mark.parametrize(
    ("right", "wrong", "problem"),
    [
        ("helpers: small", "helpers: smal", "5: helpers: 'smal' is not an upstream, fallback or split; did you mean"),
        ("{large: down}", "{large: dwon}", "7: rules.0.when.link.large: must be 'up' or 'down'"),
        ("{large: down}", "{lareg: down}", "7: rules.0.when.link.lareg: 'lareg' is not an upstream; did you mean"),
        ("helper: true", "helper: perhaps", "10: rules.1.when.helper: must be true or false"),
        (
            "helpers: small",
            "helpers: small\nbackground_tasks: small",
            "5: helpers: is the old name of background_tasks",
        ),
        ("link: {large", "upstream: {}, link: {large", "7: rules.0.when.link: is the old name of upstream, which is"),
    ],
)
def test_an_error_names_the_key_that_stands_in_the_file(tmp_path: Path, right: str, wrong: str, problem: str) -> None:
    with pytest.raises(ConfigError) as refused:
        read(tmp_path, OLD.replace(right, wrong, 1))
    assert str(refused.value).startswith(f"{tmp_path / 'routes.yaml'}:{problem}")
    assert len(str(refused.value).splitlines()) == 1


def test_a_label_or_a_name_that_equals_an_old_key_is_left_alone(tmp_path: Path) -> None:
    text = OLD.replace("helpers: small\n", "fallbacks: {helpers: [small], link: [large]}\n").replace(
        "    rules:", "    routes: {helper: helpers, link: link}\n    rules:"
    )
    config = read(tmp_path, text)
    assert config.fallbacks.keys() == {"helpers", "link"}
    assert config.policies["task_router"].routes == {"helper": "helpers", "link": "link"}
    assert config.background_tasks is None


def test_rules_that_share_one_mapping_by_an_alias_are_all_renamed(tmp_path: Path) -> None:
    text = OLD.replace("{when: {link: {large: down}}, to: small}", "{when: &down {link: {large: down}}, to: small}")
    config = read(tmp_path, text.replace("policies:", "  - {when: *down, to: large}\npolicies:"))
    assert [rule.when.upstream for rule in config.rules] == [{"large": "down"}, None, {"large": "down"}]


def test_a_file_of_another_form_is_refused_as_before(tmp_path: Path) -> None:
    for text in ("rules: 1", "rules: {a: {when: 1}}", "rules: [[]]", "policies: {a: {rules: [1]}}", "- helpers"):
        with pytest.raises(ConfigError, match=r"routes\.yaml:1: "):
            read(tmp_path, text)
