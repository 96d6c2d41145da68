"""The `edge-router` command as a process: its output and exit code."""

import json
import socket
from pathlib import Path

import pytest

from edge_router.contract import COMPLEXITY_ROUTER, TASK_ROUTER
from tests.support.command import edge_router
from tests.support.shipped import MODELS

CODE = "Write a Python function that reverses a linked list."


def test_route_as_json_has_the_decision_and_the_upstream() -> None:
    done = edge_router("route", CODE, "--json")
    found = json.loads(done.stdout)
    assert set(found) == {TASK_ROUTER, COMPLEXITY_ROUTER}
    task = found[TASK_ROUTER]
    assert (task["label"], task["upstream"]) == ("Code Generation", "large")
    assert sum(task["probabilities"].values()) == pytest.approx(1, abs=1e-4)
    assert 0 <= found[COMPLEXITY_ROUTER]["score"] <= 1


def test_route_draws_bars_and_reads_standard_input() -> None:
    done = edge_router("route", "-", stdin=CODE)
    assert done.stdout.startswith("task_router: Code Generation -> large")
    assert "━" in done.stdout


def test_route_classifies_the_same_text_as_the_controller() -> None:
    plain, surrounded = (
        json.loads(edge_router("route", text, "--json").stdout)
        for text in (CODE, f"<system-reminder>Today is Monday.</system-reminder>{CODE}")
    )
    assert surrounded == plain


def test_route_reads_a_routes_file_and_names_the_wrong_key(tmp_path: Path) -> None:
    routes = tmp_path / "routes.yaml"
    target = "{url: http://127.0.0.1:9/v1, model: m}"
    routes.write_text(
        f"upstreams: {{one: {target}}}\ndefault: one\npolicies: {{task_router: {{routes: {{Code: one}}}}}}\n"
    )
    done = edge_router("route", CODE, "--routes", str(routes))
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("edge-router: ")
    assert "Code" in done.stderr
    assert "Traceback" not in done.stderr


def test_models_list_names_the_nine_and_their_versions() -> None:
    rows = json.loads(edge_router("models", "list", "--json").stdout)
    assert {row["model"]: row["versions"] for row in rows} == {model: [1] for model in MODELS}
    assert "task_router" in edge_router("models", "list").stdout


def test_evaluate_reports_each_policy_under_its_name(tmp_path: Path) -> None:
    file = tmp_path / "prompts.jsonl"
    rows = [
        {"prompt": CODE, "task": "Code Generation", "complexity": None},
        {"prompt": "hi there, how are you today?", "task": "Chatbot", "complexity": "No-Label-Reason"},
    ]
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    picture = tmp_path / "confusion.png"
    found = json.loads(edge_router("evaluate", str(file), "--json", "--picture", str(picture)).stdout)
    assert [found[policy]["n"] for policy in (TASK_ROUTER, COMPLEXITY_ROUTER)] == [2, 1]
    assert found[TASK_ROUTER]["accuracy"] == found[TASK_ROUTER]["macro_f1"] == 1
    drawn = [tmp_path / f"confusion_{policy}.png" for policy in (TASK_ROUTER, COMPLEXITY_ROUTER)]
    assert [file.read_bytes()[:4] for file in drawn] == [b"\x89PNG"] * 2


@pytest.mark.parametrize(
    ("line", "message"),
    [('{"prompt": "x"}', "line 2"), ("not JSON", "line 2"), ('{"prompt": "x", "task": "Poem"}', "unknown label Poem")],
)
def test_evaluate_names_the_wrong_line(line: str, message: str, tmp_path: Path) -> None:
    file = tmp_path / "prompts.jsonl"
    file.write_text(f'{{"prompt": "x", "task": "Chatbot"}}\n{line}\n')
    done = edge_router("evaluate", str(file))
    assert done.returncode == 2
    assert message in done.stderr
    assert "Traceback" not in done.stderr


def test_bench_measures_time_and_memory() -> None:
    found = json.loads(edge_router("bench", "--calls", "10", "--json").stdout)
    assert [row["tokens"] for row in found["prompts"]] == [16, 32, 64, 128]
    assert all(0 < row["p50_ms"] <= row["p95_ms"] for row in found["prompts"])
    assert found["rss_mb"] > found["rss_before_loading_mb"]


def test_a_folder_without_a_repository_is_named() -> None:
    done = edge_router("models", "list", EDGE_ROUTER_MODEL_REPOSITORY="/nowhere")
    assert done.returncode == 2
    assert "EDGE_ROUTER_MODEL_REPOSITORY: no folder at /nowhere" in done.stderr


def test_up_listens_beyond_loopback_only_with_keys() -> None:
    done = edge_router("up", "--host", "0.0.0.0")
    assert done.returncode == 2
    assert "EDGE_ROUTER_KEYS" in done.stderr


def test_up_names_a_port_that_is_taken() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = edge_router("up", "--port", str(port))
    assert done.returncode == 2
    assert (
        done.stderr
        == f"edge-router: cannot listen on 127.0.0.1:{port}: Address already in use; choose another port or address\n"
    )
