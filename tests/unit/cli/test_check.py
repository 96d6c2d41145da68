"""`edge-router check`: the meaning of a file, or its errors."""

import json
from pathlib import Path

from tests.support.command import edge_router

ROOT = Path(__file__).parents[3]
ROUTES = """\
upstreams:
  small: {url: http://127.0.0.1:1/v1, model: s}
  large: {url: https://api.example.com/v1, model: l, api_key: {env: EDGE_ROUTER_TEST_NO_SUCH_KEY}}
default: small
fallbacks: {careful: [large, small]}
rules:
  - {name: helpdesk, when: {header: {x-team: help*}, tools: false, tokens: {below: 4000}}, to: careful}
  - {when: {task: Extraction}, local_only: true}
policies:
  task_router: {routes: {Code Generation: large}}
"""


def test_a_file_is_described_in_words(tmp_path: Path) -> None:
    file = tmp_path / "routes.yaml"
    file.write_text(ROUTES)
    done = edge_router("check", str(file))
    assert (done.returncode, done.stderr) == (0, "")
    for line in (
        "  careful: large, then small",
        "  rules.0 (helpdesk): header x-team help* and no tools and tokens below 4000: to careful",
        "  rules.1: task Extraction: must stay on this device or the local network",
        "  Code Generation: large",
        "  else: small",
    ):
        assert line in done.stdout.splitlines()
    meaning = json.loads(edge_router("check", str(file), "--json").stdout)
    assert ", on this device or the local network;" in meaning["upstreams"]["small"]
    assert ", beyond the local network;" in meaning["upstreams"]["large"]
    assert "EDGE_ROUTER_TEST_NO_SUCH_KEY" in meaning["upstreams"]["large"]
    assert meaning["policy task_router"] == {"Code Generation": "large", "else": "small"}


def test_an_old_key_works_and_its_new_name_is_told(tmp_path: Path) -> None:
    file = tmp_path / "routes.yaml"
    file.write_text(ROUTES.replace("default: small", "default: small\nhelpers: large"))
    done = edge_router("check", str(file), "--json")
    assert done.returncode == 0
    assert done.stderr == f"{file}:5: helpers: deprecated; rename it to background_tasks\n"
    assert json.loads(done.stdout)["auto"]["background tasks of chat UIs"] == "large"


def test_errors_are_listed_and_the_exit_code_is_1(tmp_path: Path) -> None:
    file = tmp_path / "routes.yaml"
    file.write_text(ROUTES.replace("to: careful", "to: carful").replace("default: small", "default: smal"))
    done = edge_router("check", EDGE_ROUTER_ROUTES=str(file))
    assert (done.returncode, done.stdout) == (1, "")
    assert [line.split(": ")[:2] for line in done.stderr.splitlines()] == [
        [f"{file}:4", "default"],
        [f"{file}:7", "rules.0.to"],
    ]
    as_json = edge_router("check", str(file), "--json")
    assert as_json.returncode == 1
    assert json.loads(as_json.stdout)["problems"] == done.stderr.splitlines()


def test_labels_are_compared_with_those_of_a_repository(tmp_path: Path) -> None:
    file = tmp_path / "routes.yaml"
    repository = str(ROOT / "model_repository")
    file.write_text(ROUTES)
    assert edge_router("check", str(file), "--repository", repository).returncode == 0
    file.write_text(ROUTES.replace("Extraction", "Extractoin"))
    done = edge_router("check", str(file), "--repository", repository)
    assert done.returncode == 1
    assert "rules.1.when.task: unknown label Extractoin; did you mean Extraction?" in done.stderr


def test_the_schema_in_docs_is_that_of_the_code() -> None:
    assert (ROOT / "docs" / "routes.schema.json").read_text() == edge_router("check", "--schema").stdout
