"""tritonclient against the light server: HTTP and gRPC, synchronous and asyncio."""

from typing import Any

import numpy as np
import pytest
import tritonclient.grpc as over_grpc
import tritonclient.grpc.aio as over_grpc_aio
import tritonclient.http as over_http
import tritonclient.http.aio as over_http_aio

from edge_router.contract import PROMPT_ROUTER_ENSEMBLE
from tests.support.light_server import Light
from tests.support.shipped import MODELS

ENSEMBLE = "task_router_ensemble"
CODE = b"Write a Python function that reverses a linked list."


def prompt(client: Any, *texts: bytes) -> Any:
    tensor = client.InferInput("INPUT", [len(texts), 1], "BYTES")
    tensor.set_data_from_numpy(np.array([[text] for text in texts], dtype=np.object_))
    return tensor


def decided(result: Any) -> list[int]:
    found: list[int] = result.as_numpy("OUTPUT").argmax(axis=1).tolist()
    return found


def test_http(light: Light) -> None:
    with over_http.InferenceServerClient(light.http) as client:
        assert client.is_server_live()
        assert client.is_server_ready()
        assert all(client.is_model_ready(model, "1") for model in MODELS)
        assert client.get_server_metadata()["name"] == "edge-router"
        assert client.get_model_metadata(ENSEMBLE)["inputs"][0]["shape"] == [-1, 1]
        assert client.get_model_config("task_router")["parameters"]["LAYER"]["string_value"] == "cpu"
        assert {entry["name"] for entry in client.get_model_repository_index()} == set(MODELS)
        assert decided(client.infer(ENSEMBLE, [prompt(over_http, CODE)])) == [4]
        statistics = client.get_inference_statistics(ENSEMBLE)["model_stats"][0]
        assert statistics["inference_stats"]["success"]["count"] >= 1


@pytest.mark.parametrize("algorithm", ["gzip", "deflate"])
def test_http_compressed_both_ways(light: Light, algorithm: str) -> None:
    with over_http.InferenceServerClient(light.http) as client:
        result = client.infer(
            ENSEMBLE,
            [prompt(over_http, CODE)],
            request_compression_algorithm=algorithm,
            response_compression_algorithm=algorithm,
        )
        assert decided(result) == [4]


def test_http_asynchronously_through_threads(light: Light) -> None:
    with over_http.InferenceServerClient(light.http, concurrency=8) as client:
        asked = [client.async_infer(ENSEMBLE, [prompt(over_http, CODE)]) for _ in range(40)]
        assert [decided(each.get_result()) for each in asked] == [[4]] * 40


def test_grpc(light: Light) -> None:
    with over_grpc.InferenceServerClient(light.grpc) as client:
        assert client.is_server_live()
        assert client.is_server_ready()
        assert client.is_model_ready(ENSEMBLE, "1")
        assert client.get_server_metadata().name == "edge-router"
        assert client.get_model_metadata(ENSEMBLE).inputs[0].shape == [-1, 1]
        assert client.get_model_config(ENSEMBLE).config.max_batch_size == 8
        assert {entry.name for entry in client.get_model_repository_index().models} == set(MODELS)
        assert decided(client.infer(ENSEMBLE, [prompt(over_grpc, CODE)])) == [4]
        classes = over_grpc.InferRequestedOutput("OUTPUT", class_count=1)
        result = client.infer(ENSEMBLE, [prompt(over_grpc, CODE)], outputs=[classes])
        assert result.as_numpy("OUTPUT")[0, 0] == b"1.000000:4:Code Generation"
        assert client.get_inference_statistics(ENSEMBLE).model_stats[0].inference_stats.success.count >= 1


def test_a_grpc_stream_answers_in_order_and_goes_on_after_a_wrong_request(light: Light) -> None:
    answers: list[tuple[Any, Any]] = []
    with over_grpc.InferenceServerClient(light.grpc) as client:
        client.start_stream(lambda result, error: answers.append((result, error)))
        client.async_stream_infer(ENSEMBLE, [prompt(over_grpc, CODE)], request_id="1")
        client.async_stream_infer(ENSEMBLE, [prompt(over_grpc, *[CODE] * 9)], request_id="2")
        client.async_stream_infer(ENSEMBLE, [prompt(over_grpc, CODE)], request_id="3")
        client.stop_stream()
    (first, none), (nothing, error), (last, _) = answers
    assert (first.get_response().id, none, nothing, last.get_response().id) == ("1", None, None, "3")
    assert "9 rows" in str(error)


async def test_http_asyncio(light: Light) -> None:
    async with over_http_aio.InferenceServerClient(light.http) as client:
        assert await client.is_model_ready(PROMPT_ROUTER_ENSEMBLE)
        result = await client.infer(PROMPT_ROUTER_ENSEMBLE, [prompt(over_http, CODE)])
        assert result.as_numpy("TASK_LABEL")[0, 0] == b"Code Generation"


async def test_grpc_asyncio(light: Light) -> None:
    async with over_grpc_aio.InferenceServerClient(light.grpc) as client:
        assert await client.is_model_ready(PROMPT_ROUTER_ENSEMBLE)
        result = await client.infer(PROMPT_ROUTER_ENSEMBLE, [prompt(over_grpc, CODE)])
        assert result.as_numpy("TASK_LABEL")[0, 0] == b"Code Generation"
