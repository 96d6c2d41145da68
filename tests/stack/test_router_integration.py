"""The whole stack: Triton through tritonclient, the controller through HTTP and the OpenAI SDK."""

import json
import socket
import time
from itertools import count
from typing import Any

import docker
import numpy as np
import pytest
import requests
import tritonclient.grpc as triton_grpc
import tritonclient.http as triton_http
from openai import OpenAI

from edge_router.contract import COMPLEXITY_ROUTER, TASK_ROUTER
from tests.stack.conftest import Stack, container
from tests.support.shipped import MODELS

CODE = "Write a Python function that reverses a linked list."
SMALL_TALK = "hi there, how are you today?"
DEMANDING = (
    "Prove by induction that the sum of the first n odd numbers is n squared, then explain in exactly three sentences "
    "and without using the letter z how the proof generalises to sums of cubes."
)


def infer(stack: Stack, model: str, *prompts: str) -> triton_http.InferResult:
    with triton_http.InferenceServerClient(stack.server_http) as client:
        return client.infer(model, [filled(triton_http.InferInput("INPUT", [len(prompts), 1], "BYTES"), prompts)])


def filled(tensor: Any, prompts: tuple[str, ...]) -> Any:
    tensor.set_data_from_numpy(np.array([[prompt.encode()] for prompt in prompts], dtype=np.object_))
    return tensor


def labels(stack: Stack, policy: str, *prompts: str) -> list[str]:
    """The labels of the ensemble's one-hot output, from the server's label file."""
    tensor = filled(triton_http.InferInput("INPUT", [len(prompts), 1], "BYTES"), prompts)
    wanted = triton_http.InferRequestedOutput("OUTPUT", class_count=1)
    with triton_http.InferenceServerClient(stack.server_http) as client:
        found = client.infer(f"{policy}_ensemble", [tensor], outputs=[wanted]).as_numpy("OUTPUT")
    return [value.decode().split(":")[2] for value in found.reshape(-1)]


def chat(stack: Stack, prompt: str, **fields: Any) -> requests.Response:
    body = {"model": "auto", "messages": [{"role": "user", "content": prompt}], "max_tokens": 8} | fields
    return requests.post(stack.chat, json=body, timeout=30)


def seen_by_upstream(reply: requests.Response) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(reply.json()["choices"][0]["message"]["content"])
    return found


def test_nine_models_are_ready_at_their_version(stack: Stack) -> None:
    assert len(MODELS) == 9
    with triton_http.InferenceServerClient(stack.server_http) as client:
        assert [model for model in MODELS if not client.is_model_ready(model, "1")] == []
        assert {client.get_model_metadata(model)["versions"][0] for model in MODELS} == {"1"}


def test_the_cpu_layer_is_applied(stack: Stack) -> None:
    with triton_http.InferenceServerClient(stack.server_http) as client:
        config = client.get_model_config(TASK_ROUTER)
    assert config["parameters"]["LAYER"]["string_value"] == "cpu"
    assert [group["kind"] for group in config["instance_group"]] == ["KIND_CPU"]


def test_task_ensemble_over_http(stack: Stack) -> None:
    output = infer(stack, "task_router_ensemble", CODE, SMALL_TALK).as_numpy("OUTPUT")
    assert output.shape == (2, 12)
    assert output.sum(axis=1).tolist() == [1, 1]
    assert labels(stack, TASK_ROUTER, CODE, SMALL_TALK) == ["Code Generation", "Chatbot"]


def test_task_ensemble_over_grpc_equals_http(stack: Stack) -> None:
    prompts = (CODE, SMALL_TALK)
    tensor = filled(triton_grpc.InferInput("INPUT", [2, 1], "BYTES"), prompts)
    with triton_grpc.InferenceServerClient(stack.server_grpc) as client:
        found = client.infer("task_router_ensemble", [tensor])
    over_http = infer(stack, "task_router_ensemble", *prompts).as_numpy("OUTPUT")
    assert np.array_equal(found.as_numpy("OUTPUT"), over_http)


def test_complexity_ensemble(stack: Stack) -> None:
    output = infer(stack, "complexity_router_ensemble", SMALL_TALK).as_numpy("OUTPUT")
    assert output.shape == (1, 7)
    assert labels(stack, COMPLEXITY_ROUTER, SMALL_TALK) == ["No-Label-Reason"]


def test_prompt_router_ensemble_equals_both(stack: Stack) -> None:
    prompts = (CODE, SMALL_TALK, DEMANDING)
    both = infer(stack, "prompt_router_ensemble", *prompts)
    for output, ensemble in (("TASK", "task_router_ensemble"), ("COMPLEXITY", "complexity_router_ensemble")):
        assert np.array_equal(both.as_numpy(output), infer(stack, ensemble, *prompts).as_numpy("OUTPUT"))
        assert both.as_numpy(f"{output}_PROBABILITIES").sum(axis=1) == pytest.approx(np.ones(3))


def test_chat_is_routed_by_task(stack: Stack) -> None:
    code, talk = chat(stack, CODE), chat(stack, SMALL_TALK)
    assert (code.headers["X-Chosen-Classifier"], seen_by_upstream(code)["body"]["model"]) == (
        "Code Generation",
        "echo-large",
    )
    assert (talk.headers["X-Chosen-Classifier"], seen_by_upstream(talk)["body"]["model"]) == ("Chatbot", "echo-small")
    assert "x-edge-router-degraded" not in code.headers


def test_chat_is_routed_by_complexity_score(stack: Stack) -> None:
    policy = {"nim-llm-router": {"policy": "complexity_router", "routing_strategy": "triton"}}
    hard, easy = chat(stack, DEMANDING, **policy), chat(stack, SMALL_TALK, **policy)
    assert float(hard.headers["x-edge-router-score"]) >= 0.5 > float(easy.headers["x-edge-router-score"])
    assert (hard.headers["x-edge-router-model"], easy.headers["x-edge-router-model"]) == ("echo-large", "echo-small")
    assert "nim-llm-router" not in seen_by_upstream(hard)["body"]


def test_chat_is_routed_by_hand(stack: Stack) -> None:
    by_hand = {"policy": "task_router", "routing_strategy": "manual", "model": "Code Generation"}
    reply = chat(stack, SMALL_TALK, model="", **{"nim-llm-router": by_hand})
    assert reply.headers["X-Chosen-Classifier"] == "Code Generation"
    assert seen_by_upstream(reply)["body"]["model"] == "echo-large"


def test_streaming_through_a_real_llm_server_with_the_openai_sdk(stack: Stack) -> None:
    client = OpenAI(base_url=f"{stack.controller}/v1", api_key="unused", max_retries=0)
    messages: Any = [{"role": "user", "content": SMALL_TALK}]
    with client.chat.completions.create(model="tiny-llama", messages=messages, max_tokens=8, stream=True) as events:
        choices = [event.choices[0] for event in events if event.choices]
    assert len(choices) > 2
    assert choices[-1].finish_reason in ("length", "stop")


def test_an_unknown_policy_is_404_in_openai_shape(stack: Stack) -> None:
    reply = chat(stack, SMALL_TALK, **{"nim-llm-router": {"policy": "weather", "routing_strategy": "triton"}})
    assert reply.status_code == 404
    assert set(reply.json()["error"]) == {"message", "type", "param", "code"}
    assert "weather" in reply.json()["error"]["message"]


@pytest.mark.timeout(180)
def test_chat_uses_the_default_route_while_router_server_is_down_and_recovers(stack: Stack) -> None:
    before = restarts(stack)
    take_down(stack)
    numbers = count()

    def never_asked() -> requests.Response:
        """Sends a new prompt: the decision for an old one is in the cache."""
        return chat(stack, f"{CODE} {next(numbers)}")

    # A slow decision is degraded too, so wait until the server is gone.
    gone = "classifier unavailable"
    degraded = until(never_asked, lambda reply: reply.headers.get("x-edge-router-degraded") == gone, seconds=60)
    assert degraded.headers["x-edge-router-model"] == "echo-small"

    def back(reply: requests.Response) -> bool:
        """A Triton that is shutting down serves open connections for 30 seconds more, so a new connection is used."""
        return "x-edge-router-degraded" not in reply.headers and (before is None or restarts(stack) != before)

    again = until(never_asked, back, seconds=120)
    assert again.headers["X-Chosen-Classifier"] == "Code Generation"


def restarts(stack: Stack) -> int | None:
    """How often the engine has restarted router-server; None if the container cannot be inspected."""
    if stack.project is None:
        return None
    client: Any = docker.from_env()
    found: int = container(client, stack, "router-server").attrs["RestartCount"]
    client.close()
    return found


def take_down(stack: Stack) -> None:
    """Stops the server's process, by its container if possible; the engine restarts it."""
    if stack.project is None:
        crash(stack.server_http)
        return
    client: Any = docker.from_env()
    container(client, stack, "router-server").exec_run(["sh", "-c", "kill 1"])
    client.close()


def crash(address: str) -> None:
    """Crashes Triton 24.10 with a request of a million chunks, which needs no access to the container."""
    host, port = address.split(":")
    with socket.create_connection((host, int(port)), timeout=30) as connection:
        head = f"POST /v2/models/{TASK_ROUTER}/infer HTTP/1.1\r\nHost: {host}\r\nTransfer-Encoding: chunked\r\n\r\n"
        try:
            connection.sendall(head.encode() + b"1\r\nx\r\n" * 1_000_000 + b"0\r\n\r\n")
            connection.recv(1024)
        except OSError:
            pass  # the connection ends with the server


def until(ask: Any, good: Any, seconds: float) -> requests.Response:
    """Repeats a request until its response is good; every response must be 200. Returns the good one."""
    deadline = time.monotonic() + seconds
    while True:
        reply: requests.Response = ask()
        assert reply.status_code == 200
        if good(reply):
            return reply
        assert time.monotonic() < deadline, f"still {dict(reply.headers)} after {seconds} s"
        time.sleep(0.25)
