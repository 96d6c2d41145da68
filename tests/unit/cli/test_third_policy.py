"""The command with a policy that was added to the repository by files alone."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from edge_router.contract import COMPLEXITY_ROUTER, TASK_ROUTER, postprocessing
from edge_router.repository import Repository, pins
from tests.support.command import edge_router
from tests.support.third_policy import CHAT, CODE, POLICY, add_policy
from tests.support.versions import two_versions

ROUTES = """\
upstreams:
  small: {url: http://127.0.0.1:1/v1, model: s}
  large: {url: https://api.example.com/v1, model: l}
default: small
auto: demand_router
rules:
  - {when: {labels: {task_router: Chatbot}, score: {demand_router: {at_least: 0.5}}}, to: small}
  - {when: {score: {demand_router: {below: 0.01}}}, to: small}
policies:
  demand_router: {routes: {large: large}}
"""


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    repository = two_versions(tmp_path)
    add_policy(repository)
    return repository


@pytest.fixture
def routes(tmp_path: Path) -> str:
    file = tmp_path / "routes.yaml"
    file.write_text(ROUTES)
    return str(file)


def printed(repository: Path, *arguments: str) -> Any:
    done = edge_router(*arguments, "--json", EDGE_ROUTER_MODEL_REPOSITORY=str(repository))
    assert (done.returncode, done.stderr.strip()) == (0, "")
    return json.loads(done.stdout)


def test_rows_that_carry_its_label_are_evaluated(repository: Path, tmp_path: Path) -> None:
    rows = [{"prompt": CODE, "demand": "large"}, {"prompt": CHAT, "demand": "small", "task": "Chatbot"}]
    file = tmp_path / "rows.jsonl"
    file.write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    found = printed(repository, "evaluate", str(file))
    assert list(found) == [TASK_ROUTER, POLICY]
    assert found[POLICY] == {"accuracy": 1.0, "macro_f1": 1.0, "n": 2, "f1": {"small": 1.0, "large": 1.0}}
    assert found[TASK_ROUTER]["n"] == 1
    file.write_text('{"prompt": "x", "demmand": "large"}\n')
    done = edge_router("evaluate", str(file), EDGE_ROUTER_MODEL_REPOSITORY=str(repository))
    assert done.returncode == 2
    assert "no row has a label under task or complexity or demand" in done.stderr


def test_explain_shows_its_rules(repository: Path, routes: str) -> None:
    done = edge_router("explain", CODE, "--routes", routes, EDGE_ROUTER_MODEL_REPOSITORY=str(repository))
    steps = done.stdout.splitlines()
    assert steps[0] == "  no   rules.0: the task is Code Generation"
    assert steps[1].startswith("  no   rules.1: the demand score is 0.")
    assert steps[2] == "  yes  policies.demand_router.routes.large"
    found = printed(repository, "explain", CODE, "--routes", routes)
    assert (found["policy"], found["label"], found["upstreams"]) == (POLICY, "large", ["large", "small"])


def test_route_shows_every_policy_and_needs_no_file(repository: Path, routes: str) -> None:
    assert list(printed(repository, "route", CODE, "--routes", routes)) == [TASK_ROUTER, COMPLEXITY_ROUTER, POLICY]
    assert printed(repository, "route", CODE)[POLICY]["upstream"] == "small"


def test_check_compares_with_the_repository(repository: Path, routes: str, tmp_path: Path) -> None:
    assert edge_router("check", routes, EDGE_ROUTER_MODEL_REPOSITORY=str(repository)).returncode == 0
    assert edge_router("check", routes, "--repository", str(repository)).returncode == 0
    other = edge_router("check", routes)
    assert other.returncode == 1
    assert f"{routes}:10: policies.demand_router.routes: the classifier has no policy demand_router; " in other.stderr
    assert "--repository names another" in other.stderr
    Path(routes).write_text(ROUTES.replace("score: {demand_router", "score: {demnad_router"))
    wrong = edge_router("check", routes, "--repository", str(repository))
    assert [line.partition(": ")[0] for line in wrong.stderr.splitlines()] == [f"{routes}:7", f"{routes}:8"]
    assert "did you mean demand_router?" in wrong.stderr
    Path(routes).write_text(ROUTES + "classifier: {urls: [http://router-server:8000]}\n")
    assert edge_router("check", routes).returncode == 0  # what decides is elsewhere


def test_a_version_is_pinned_for_it_alone_and_rolled_back(repository: Path) -> None:
    model = repository / postprocessing(POLICY)
    shutil.copytree(model / "1", model / "2")
    environment = {"EDGE_ROUTER_MODEL_REPOSITORY": str(repository)}
    done = edge_router("models", "pin", "2", "--policy", POLICY, **environment)
    assert (done.returncode, done.stderr) == (0, "")
    assert pins.read(Repository(repository)) == {TASK_ROUTER: 1, COMPLEXITY_ROUTER: 1, POLICY: 2}
    assert edge_router("models", "verify", **environment).returncode == 0
    assert edge_router("models", "rollback", "--policy", POLICY, **environment).returncode == 0
    assert set(pins.read(Repository(repository)).values()) == {1}
    assert postprocessing(POLICY) in [row["model"] for row in printed(repository, "models", "list")]
    assert "demand_router: decision.json" not in printed(repository, "models", "diff", "1", "2")["differs"]


def test_a_misspelt_policy_is_named_with_the_nearest_one(repository: Path) -> None:
    done = edge_router("models", "pin", "2", "--policy", "demnad_router", EDGE_ROUTER_MODEL_REPOSITORY=str(repository))
    assert done.returncode == 2
    assert f"no such policy in {repository}; did you mean demand_router?" in done.stderr
