"""`edge-router explain`: the rules that one prompt matches."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.support.command import edge_router

CODE = "Write a Python function that reverses a linked list."
ROUTES = """\
upstreams:
  small: {url: http://127.0.0.1:1/v1, model: s}
  large: {url: https://api.example.com/v1, model: l}
default: small
rules:
  - {when: {header: {x-data: private}}, local_only: true}
  - {when: {tools: true}, to: large}
  - {when: {tokens: {at_least: 5000}}, to: large}
  - {when: {upstream: {large: down}}, to: small}
policies:
  task_router: {routes: {Code Generation: large}}
"""


@pytest.fixture
def routes(tmp_path: Path) -> str:
    file = tmp_path / "routes.yaml"
    file.write_text(ROUTES)
    return str(file)


def explained(routes: str, *options: str) -> Any:
    return json.loads(edge_router("explain", CODE, "--routes", routes, "--json", *options).stdout)


def test_every_rule_says_why_it_matched_or_not(routes: str) -> None:
    done = edge_router("explain", "-", "--routes", routes, stdin=CODE)
    assert done.stdout.splitlines()[:6] == [
        "  no   rules.0.local_only: there is no header x-data",
        "  no   rules.1: the request offers no tools",
        "  no   rules.2: 13 tokens are not at least 5000",
        "  no   rules.3: large is up",
        "  yes  policies.task_router.routes.Code Generation",
        "goes to: large (l), then small (s)",
    ]


@pytest.mark.parametrize(
    ("options", "rule", "upstreams"),
    [
        (["--tools"], "rules.1", ["large", "small"]),
        (["--tokens", "5000"], "rules.2", ["large", "small"]),
        (["--down", "large"], "rules.3", ["small"]),
        (["--header", "X-Data=private"], None, ["small"]),
    ],
)
def test_options_set_the_features_of_the_request(
    routes: str, options: list[str], rule: str | None, upstreams: list[str]
) -> None:
    found = explained(routes, *options)
    assert (found["rule"], found["upstreams"]) == (rule, upstreams)


@pytest.mark.parametrize(
    ("option", "value", "problem"),
    [("--header", "x-data", "must be NAME=VALUE"), ("--down", "lagre", "not an upstream; did you mean large?")],
)
def test_a_wrong_option_is_refused_by_its_name(routes: str, option: str, value: str, problem: str) -> None:
    done = edge_router("explain", CODE, "--routes", routes, option, value)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == f"edge-router: {option} {value}: {problem}\n"
