"""Every name in `routes.yaml` exists, means one thing and leads to an upstream; mistakes are named by line and key."""

from pathlib import Path

import pytest

from edge_router.controller.config import RouterConfig
from edge_router.errors import ConfigError

HEAD = """\
upstreams:
  small: {url: http://127.0.0.1:1/v1, model: s}
  large: {url: http://h/v1, model: l}
default: small
policies:
  task_router: {}
"""


def refusal(tmp_path: Path, text: str) -> list[str]:
    """The problems, each without the file's own name."""
    file = tmp_path / "routes.yaml"
    file.write_text(text)
    with pytest.raises(ConfigError) as refused:
        RouterConfig.read(file)
    lines = str(refused.value).splitlines()
    assert all(line.startswith(f"{file}:") for line in lines)
    return [line.removeprefix(f"{file}:") for line in lines]


@pytest.mark.parametrize(
    ("more", "problem"),
    [
        pytest.param("defualt: small", "7: defualt: no such key; did you mean default?", id="misspelt key"),
        pytest.param(
            "\n\nbackground_tasks: smal",
            "9: background_tasks: 'smal' is not an upstream, fallback or split; did you mean small?",
            id="misspelt name",
        ),
        pytest.param(
            "embeddings: tiny",
            "7: embeddings: 'tiny' is not an upstream, fallback or split; there are small, large",
            id="unknown name",
        ),
        pytest.param(
            "fallbacks:\n  careful: [large,\n    tiny]", "9: fallbacks.careful.1: 'tiny'", id="member of a fallback"
        ),
        pytest.param("fallbacks: {careful: []}", "7: fallbacks.careful: ", id="empty fallback"),
        pytest.param("splits: {canary: {tiny: 1}}", "7: splits.canary.tiny: 'tiny'", id="part of a split"),
        pytest.param("splits: {canary: {large: 0}}", "7: splits.canary.large: ", id="part of weight 0"),
        pytest.param(
            "shadows: {tiny: {to: large}}",
            "7: shadows.tiny: 'tiny' is not an upstream",
            id="shadow of an unknown upstream",
        ),
        pytest.param(
            "shadows: {large: {to: tiny}}",
            "7: shadows.large.to: 'tiny' is not an upstream",
            id="shadow to an unknown upstream",
        ),
        pytest.param("affinity: {order: [small, tiny]}", "7: affinity.order.1: 'tiny'", id="order of affinity"),
        pytest.param("affinity: {order: [small]}", "7: affinity.order: ", id="affinity with one upstream"),
        pytest.param("affinity: {by: ip, order: [small, large]}", "7: affinity.by: ", id="unknown key of affinity"),
        pytest.param("rules: [{to: tiny}]", "7: rules.0.to: 'tiny'", id="rule to an unknown name"),
        pytest.param(
            "rules:\n- to: small\n- when: {tools: true}",
            "9: rules.1: has no effect; give `to`, or `local_only: true`",
            id="rule without an effect",
        ),
        pytest.param(
            "rules: [{to: small, when: {tool: true}}]",
            "7: rules.0.when.tool: no such key; did you mean tools?",
            id="misspelt condition",
        ),
        pytest.param(
            "rules: [{to: small, when: {upstream: {tiny: down}}}]",
            "7: rules.0.when.upstream.tiny: 'tiny' is not an upstream",
            id="state of an unknown upstream",
        ),
        pytest.param(
            "rules: [{to: small, when: {upstream: {large: dwon}}}]",
            "7: rules.0.when.upstream.large: ",
            id="unknown state",
        ),
        pytest.param(
            "rules: [{to: small, when: {tokens: {}}}]",
            "7: rules.0.when.tokens: give at_least, below or both",
            id="range without a bound",
        ),
        pytest.param(
            "rules: [{to: small, when: {tokens: {at_least: 9, below: 9}}}]",
            "7: rules.0.when.tokens: no number is",
            id="empty range",
        ),
        pytest.param(
            "rules: [{to: small, when: {complexity: {at_least: 60}}}]",
            "7: rules.0.when.complexity.at_least: ",
            id="share over 1",
        ),
        pytest.param(
            "rules: [{to: small, when: {time: {from: 25:00}}}]", "7: rules.0.when.time.from: ", id="not a time of day"
        ),
        pytest.param(
            "rules: [{to: small, when: {time: {days: [monday]}}}]", "7: rules.0.when.time.days.0: ", id="no day"
        ),
        pytest.param("rules: [{to: small, when: {model: []}}]", "7: rules.0.when.model: ", id="no pattern"),
        pytest.param(
            "fallbacks: {large: [small]}",
            "7: fallbacks.large: large is also a name in upstreams",
            id="name of an upstream",
        ),
        pytest.param(
            "fallbacks: {a: [small]}\nsplits: {a: {small: 1}}",
            "8: splits.a: a is also a name in fallbacks",
            id="name of a fallback",
        ),
        pytest.param(
            "fallbacks: {auto: [small]}", "7: fallbacks.auto: auto is reserved; choose another", id="auto is reserved"
        ),
        pytest.param("splits: {task_router: {small: 1}}", "7: splits.task_router: ", id="name of a policy"),
        pytest.param("fallbacks: {a: [a]}", "7: fallbacks.a: contains itself: a -> a", id="cycle of one"),
        pytest.param(
            "fallbacks: {a: [small, b]}\nsplits: {b: {a: 1}}",
            "7: fallbacks.a: contains itself: a -> b -> a",
            id="cycle of two",
        ),
        pytest.param(
            "fallbacks: {a: [large]}\nauto: task_router\nfallbacks: {}",
            "7: fallbacks: occurs again on line 9; remove one",
            id="key twice",
        ),
        pytest.param(
            "rules: [{to: small, to: large}]", "7: rules.0.to: occurs again on line 7", id="key twice, deep inside"
        ),
        pytest.param(
            "auto: mood_router",
            "7: auto: mood_router is not in policies; there are task_router",
            id="auto is not a policy",
        ),
        pytest.param("fallbacks: &a {b: *a}", "7: fallbacks.b: contains itself", id="alias of itself"),
        pytest.param("auto: [", "8: ", id="not YAML"),
    ],
)
def test_a_mistake_is_named_by_its_line_and_key(tmp_path: Path, more: str, problem: str) -> None:
    assert refusal(tmp_path, f"{HEAD}{more}\n")[0].startswith(problem)


def test_what_is_missing_is_named_where_it_is_missing(tmp_path: Path) -> None:
    text = HEAD.replace(", model: l", "")
    assert refusal(tmp_path, text) == ["3: upstreams.large.model: is missing"]
    assert refusal(tmp_path, HEAD.replace("default: small\n", "")) == ["1: default: is missing"]


def test_every_mistake_is_named_at_once_in_the_order_of_the_file(tmp_path: Path) -> None:
    unknown = f"{HEAD}background_tasks: a\nrules: [{{to: b}}]\nfallbacks: {{c: [c]}}\nauto: e\n".replace(
        "default: small", "default: d"
    )
    assert [line.split(": ")[:2] for line in refusal(tmp_path, unknown)] == [
        ["4", "default"],
        ["7", "background_tasks"],
        ["8", "rules.0.to"],
        ["9", "fallbacks.c"],
        ["10", "auto"],
    ]
    misspelt = HEAD.replace("model: s", "modle: s") + "hlpers: small\n"
    assert [line.split(": ")[:2] for line in refusal(tmp_path, misspelt)] == [
        ["2", "upstreams.small.model"],
        ["2", "upstreams.small.modle"],
        ["7", "hlpers"],
    ]


@pytest.mark.parametrize(
    "key",
    [
        "sk-secret-1",
        "{value: sk-secret-1}",
        "{sk-secret-1}",
        "{env: [sk-secret-1]}",
        "[sk-secret-1]",
        '"sk-secret-1',
        "*sk-secret-1",
        "!sk-secret-1",
        "{env: sk-secret-1}",
    ],
)
def test_a_key_written_into_the_file_is_refused_without_being_repeated(tmp_path: Path, key: str) -> None:
    problems = refusal(tmp_path, HEAD.replace("model: l", f"model: l, api_key: {key}"))
    assert not any("secret" in problem for problem in problems)


def test_names_and_models_are_what_a_client_may_ask_for(tmp_path: Path) -> None:
    file = tmp_path / "routes.yaml"
    file.write_text(f"{HEAD}fallbacks: {{careful: [large, small]}}\nsplits: {{half: {{large: 1, careful: 1}}}}\n")
    assert RouterConfig.read(file).names == {"auto", "task_router", "small", "large", "careful", "half", "s", "l"}
