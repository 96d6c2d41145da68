"""The light server compared with a real Triton: equal responses, or a difference that is listed with its reason."""

import time
from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest
import requests

from tests.stack.differential import calls, differences, exchange, grpc_cases, http_cases, repository
from tests.stack.triton import Server, triton_server
from tests.support.light_server import light_server


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return repository.make(tmp_path_factory.mktemp("differential") / "models")


@pytest.fixture(scope="module")
def triton(models: Path) -> Iterator[Server]:
    with triton_server(models, last="nested") as server:
        yield server


@pytest.fixture(scope="module")
def light(models: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    log = tmp_path_factory.mktemp("light") / "log"
    with light_server(log, "--repository", str(models)) as started:
        yield Server(started.http, started.grpc, started.metrics)
    assert http_cases.PROMPT not in log.read_text()


@pytest.mark.parametrize("case", http_cases.CASES)
def test_http_responses_equal_tritons(case: str, triton: Server, light: Server) -> None:
    request = http_cases.CASES[case]
    theirs, ours = exchange.ask(triton.http, request), exchange.ask(light.http, request)
    if ours != theirs:
        assert differences.allowed(differences.OVER_HTTP, case, theirs, ours), f"\nTriton {theirs}\nours   {ours}"


@pytest.fixture(scope="module")
def channels(triton: Server, light: Server) -> Iterator[tuple[grpc.Channel, grpc.Channel]]:
    with grpc.insecure_channel(triton.grpc) as theirs, grpc.insecure_channel(light.grpc) as ours:
        yield theirs, ours


@pytest.mark.parametrize("case", grpc_cases.CASES)
def test_grpc_responses_equal_tritons(case: str, channels: tuple[grpc.Channel, grpc.Channel]) -> None:
    theirs, ours = (calls.call(channel, grpc_cases.CASES[case]) for channel in channels)
    if ours != theirs:
        assert differences.allowed(differences.OVER_GRPC, case, theirs, ours), f"\nTriton {theirs}\nours   {ours}"


COUNTED = ("inference_count", "execution_count")
STEPS = ("preprocessing_task_router", "task_router", "postprocessing_task_router", "task_router_ensemble")


def counts(server: Server, model: str) -> list[int]:
    [found] = requests.get(f"http://{server.http}/v2/models/{model}/stats", timeout=5).json()["model_stats"]
    kept = [found[key] for key in COUNTED]
    return [*kept, found["inference_stats"]["success"]["count"], found["inference_stats"]["fail"]["count"]]


def counted(server: Server) -> dict[str, list[int]]:
    before = {model: counts(server, model) for model in STEPS}
    for rows in (1, 3, 8):
        exchange.ask(server.http, http_cases.infer(http_cases.TASK, http_cases.text(*["a"] * rows)))
    exchange.ask(server.http, http_cases.infer("nobody", http_cases.text("a")))
    deadline = time.monotonic() + 10
    while True:  # Triton counts after it has answered
        found = {
            model: [now - then for now, then in zip(counts(server, model), before[model], strict=True)]
            for model in STEPS
        }
        if all(each[:3] == [12, 3, 3] for each in found.values()) or time.monotonic() > deadline:
            return found
        time.sleep(0.05)


def test_statistics_equal_tritons(triton: Server, light: Server) -> None:
    """Three requests of 12 rows and one to an unknown model. No request is refused by a step: Triton counts that twice
    as a failure of the ensemble, and as a success of the step."""
    assert counted(light) == counted(triton)


def metric_names(server: Server) -> set[str]:
    lines = requests.get(f"http://{server.metrics}/metrics", timeout=5).text.splitlines()
    return {line.partition("{")[0] for line in lines if line.startswith("nv_inference_") and 'version="1"' in line}


def test_metrics_have_tritons_names(triton: Server, light: Server) -> None:
    ours = metric_names(light)
    assert len(ours) > 5
    assert ours <= metric_names(triton)
