"""A real Triton with wrong, large and unusual requests: a clear error, and the next request is answered."""

import json
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
import requests
import tritonclient.grpc as triton_grpc
import tritonclient.http as triton_http

from edge_router.contract import INPUT, INPUT_IDS, PROMPT_ROUTER_ENSEMBLE
from tests.stack.conftest import Stack

ENSEMBLE = "task_router_ensemble"
PROMPTS = [
    "Write a Python function that reverses a linked list.",
    "hi there, how are you today?",
    "Summarize this: " + "The committee met on Tuesday and agreed on nothing. " * 40,
    "What is the boiling point of water?",
    "",
    "👩‍👩‍👧‍👦",
    "Переведи на английский: доброе утро",
    "a",
]
NUMBERS = ("TASK_PROBABILITIES", "COMPLEXITY_PROBABILITIES", "COMPLEXITY_SCORE")


def post(stack: Stack, body: object, model: str = ENSEMBLE) -> requests.Response:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return requests.post(f"http://{stack.server_http}/v2/models/{model}/infer", content, timeout=30)


def as_json(*prompts: str, **changes: object) -> dict[str, Any]:
    tensor = {"name": INPUT, "datatype": "BYTES", "shape": [len(prompts), 1], "data": list(prompts)}
    return {"inputs": [tensor | changes]}


def by_json(stack: Stack, prompts: Sequence[str]) -> dict[str, np.ndarray[Any, Any]]:
    outputs = post(stack, as_json(*prompts), PROMPT_ROUTER_ENSEMBLE).json()["outputs"]
    return {output["name"]: np.array(output["data"]).reshape(output["shape"]) for output in outputs}


def by_client(module: Any, address: str, rows: Sequence[bytes]) -> Any:
    tensor = module.InferInput(INPUT, [len(rows), 1], "BYTES")
    tensor.set_data_from_numpy(np.array([[row] for row in rows], dtype=np.object_))
    with module.InferenceServerClient(address) as client:
        return client.infer(PROMPT_ROUTER_ENSEMBLE, [tensor])


def test_json_binary_and_grpc_return_the_same_values(stack: Stack) -> None:
    rows = [prompt.encode() for prompt in PROMPTS]
    binary = by_client(triton_http, stack.server_http, rows)
    grpc = by_client(triton_grpc, stack.server_grpc, rows)
    text = by_json(stack, PROMPTS)
    for name in NUMBERS:
        assert np.array_equal(binary.as_numpy(name), grpc.as_numpy(name))
        assert np.array_equal(binary.as_numpy(name), text[name].astype(np.float32))


def test_a_batch_of_eight_equals_eight_singles(stack: Stack) -> None:
    batch = by_json(stack, PROMPTS)
    singles = [by_json(stack, [prompt]) for prompt in PROMPTS]
    for name in NUMBERS:
        assert np.array_equal(batch[name], np.concatenate([single[name] for single in singles]))


def test_concurrent_prompts_of_different_lengths_get_their_own_results(stack: Stack) -> None:
    alone = [by_json(stack, [prompt])["TASK_PROBABILITIES"] for prompt in PROMPTS]
    with ThreadPoolExecutor(8) as clients:
        together = list(clients.map(lambda prompt: by_json(stack, [prompt])["TASK_PROBABILITIES"], PROMPTS * 4))
    assert all(np.array_equal(got, want) for got, want in zip(together, alone * 4, strict=True))


@pytest.mark.parametrize(
    "body",
    [
        as_json(*["a"] * 9),
        as_json("a", shape=[1, 2]),
        as_json("a", shape=[1]),
        as_json("a", datatype="INT64", data=[1]),
        as_json("a", name="TEXT"),
        {"inputs": []},
    ],
    ids=["nine rows", "shape", "no batch axis", "data type", "name", "no input"],
)
def test_a_wrong_request_is_refused_and_the_next_is_answered(stack: Stack, body: object) -> None:
    reply = post(stack, body)
    assert reply.status_code == 400
    assert set(reply.json()) == {"error"}
    assert "Traceback" not in reply.text
    assert post(stack, as_json("a")).status_code == 200


@pytest.mark.parametrize("body", [{}, b"{", as_json("\ud800")], ids=["empty object", "cut", "lone surrogate"])
def test_what_triton_cannot_parse_is_an_error_and_the_next_is_answered(stack: Stack, body: object) -> None:
    """Triton answers 500 to a body that is not JSON; the controller sends binary tensors."""
    reply = post(stack, body)
    assert reply.status_code == 500
    assert set(reply.json()) == {"error"}
    assert post(stack, as_json("a")).status_code == 200


def test_bytes_that_are_not_utf8_are_refused_by_row(stack: Stack) -> None:
    with pytest.raises(triton_http.InferenceServerException, match="row 1"):
        by_client(triton_http, stack.server_http, [b"a", b"caf\xe9"])
    with pytest.raises(triton_grpc.InferenceServerException, match="row 1"):
        by_client(triton_grpc, stack.server_grpc, [b"a", b"caf\xe9"])


def test_a_wrong_request_fails_and_no_concurrent_one(stack: Stack) -> None:
    def ask(number: int) -> int:
        row = b"caf\xe9" if number % 4 == 0 else b"what is the boiling point of water?"
        try:
            # gRPC, because the HTTP client uses gevent sockets, which belong to the thread that opened them.
            by_client(triton_grpc, stack.server_grpc, [row])
        except triton_grpc.InferenceServerException:
            return 400
        return 200

    with ThreadPoolExecutor(8) as clients:
        assert list(clients.map(ask, range(40))) == [400 if number % 4 == 0 else 200 for number in range(40)]


@pytest.mark.parametrize(
    "row", [b"word " * 200_000, b"x" * 1_000_000, b"a\x00b", b" \n\t", "\u202e\ufeff".encode()], ids=range(5)
)
def test_unusual_text_gets_a_decision(stack: Stack, row: bytes) -> None:
    assert by_client(triton_http, stack.server_http, [row]).as_numpy("TASK").sum() == 1


@pytest.mark.parametrize("ids", [[[99_999_999]], [[-1]]], ids=["beyond the vocabulary", "negative"])
def test_invalid_token_ids_are_refused(stack: Stack, ids: list[list[int]]) -> None:
    names = (INPUT_IDS, "preprocessed_attention_mask")
    tensors = [
        {"name": name, "datatype": "INT64", "shape": [1, 1], "data": data}
        for name, data in zip(names, (ids, [[1]]), strict=True)
    ]
    assert post(stack, {"inputs": tensors}, "task_router").status_code == 400
    assert post(stack, as_json("a")).status_code == 200


@pytest.mark.parametrize("path", ["logging", "systemsharedmemory/status", "trace/setting"])
def test_endpoints_that_change_the_server_are_closed(stack: Stack, path: str) -> None:
    assert requests.get(f"http://{stack.server_http}/v2/{path}", timeout=10).status_code == 403


def test_models_cannot_be_unloaded(stack: Stack) -> None:
    address = f"http://{stack.server_http}/v2/repository/models/task_router/unload"
    assert requests.post(address, json={}, timeout=10).status_code in (400, 403, 503)
    assert post(stack, as_json("a")).status_code == 200
