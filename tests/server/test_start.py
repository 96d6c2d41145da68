"""Start and stop of the light server."""

import json
import shutil
import subprocess
import sys
import time
from itertools import chain
from pathlib import Path

import onnx
import pytest
import requests
from onnx import TensorProto, helper

from tests.support.light_server import Light, light_server
from tests.support.ports import free_ports

ROOT = Path(__file__).parents[2]
COMMAND = str(Path(sys.executable).parent / "edge-router")


def serve(*options: str) -> "subprocess.CompletedProcess[str]":
    """Runs `edge-router serve`, on free ports unless the options name some: the default ports may be in use."""
    ports = zip(("--http-port", "--grpc-port", "--metrics-port"), map(str, free_ports(3)), strict=True)
    command = [COMMAND, "serve", *chain.from_iterable(ports), *options]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


def test_a_port_that_is_taken_is_named(light: Light) -> None:
    port = light.http.rpartition(":")[2]
    done = serve("--http-port", port)
    assert done.returncode == 2
    assert f"cannot listen on 127.0.0.1:{port}" in done.stderr


@pytest.mark.parametrize(
    ("file", "content", "message"),
    [
        ("task_router/config.pbtxt", 'name: "task_router" max_bach_size: 8', "max_bach_size"),
        (
            "task_router/config.pbtxt",
            'name: "task_router" backend: "tensorrt"',
            "'tensorrt' is not supported",
        ),
        ("task_router/1/model.onnx", "no network", "model.onnx"),
        ("preprocessing_task_router/1/tokenizer.json", "{}", "tokenizer.json"),
        ("postprocessing_task_router/1/decision.json", "{}", "decision.json"),
    ],
)
def test_a_repository_that_cannot_be_served_stops_the_start(
    file: str, content: str, message: str, tmp_path: Path
) -> None:
    shutil.copytree(ROOT / "model_repository", tmp_path / "models")
    (tmp_path / "models" / file).write_text(content)
    done = serve("--repository", str(tmp_path / "models"))
    assert done.returncode == 2
    assert message in done.stderr
    assert "Traceback" not in done.stderr


def test_a_wrong_setting_is_named() -> None:
    done = serve("--model-control", "poll")
    assert done.returncode == 2
    assert "EDGE_ROUTER_MODEL_CONTROL" in done.stderr


def test_any_onnx_file_is_served(tmp_path: Path) -> None:
    """A model of the onnxruntime backend without a batch axis."""
    nodes = [helper.make_node("Add", ["x", "x"], ["y"]), helper.make_node("Identity", ["names"], ["copies"])]
    tensors = [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 2])]
    tensors += [helper.make_tensor_value_info("names", TensorProto.STRING, ["n"])]
    outputs = [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", 2])]
    outputs += [helper.make_tensor_value_info("copies", TensorProto.STRING, ["n"])]
    graph = helper.make_model(
        helper.make_graph(nodes, "twice", tensors, outputs), opset_imports=[helper.make_opsetid("", 17)], ir_version=9
    )
    (tmp_path / "models" / "twice" / "1").mkdir(parents=True)
    onnx.save(graph, tmp_path / "models" / "twice" / "1" / "model.onnx")
    (tmp_path / "models" / "twice" / "config.pbtxt").write_text(
        """name: "twice" backend: "onnxruntime" max_batch_size: 0
        input { name: "x" data_type: TYPE_FP32 dims: [ -1, 2 ] }
        input { name: "names" data_type: TYPE_STRING dims: [ -1 ] }
        output { name: "y" data_type: TYPE_FP32 dims: [ -1, 2 ] }
        output { name: "copies" data_type: TYPE_STRING dims: [ -1 ] }"""
    )
    x = {"name": "x", "datatype": "FP32", "shape": [2, 2], "data": [[1, 2], [3, 4.5]]}
    names = {"name": "names", "datatype": "BYTES", "shape": [2], "data": ["ü", ""]}
    with light_server(tmp_path / "log", "--repository", str(tmp_path / "models")) as server:
        url = f"http://{server.http}/v2/models/twice"
        assert requests.get(url, timeout=5).json()["inputs"][0]["shape"] == [-1, 2]
        found = requests.post(f"{url}/infer", json={"inputs": [x, names]}, timeout=5).json()["outputs"]
        assert [output["data"] for output in found] == [[2, 4, 6, 9], ["ü", ""]]
        statistics = requests.get(f"{url}/stats", timeout=5).json()["model_stats"][0]
        assert statistics["inference_count"] == 1


def test_requests_in_flight_are_answered_before_the_server_stops(tmp_path: Path) -> None:
    prompts = ["word " * 400] * 8
    asked = {"inputs": [{"name": "INPUT", "datatype": "BYTES", "shape": [8, 1], "data": prompts}]}
    with light_server(tmp_path / "log") as server:
        code = "import requests,sys; r=requests.post(sys.argv[1], data=sys.argv[2], timeout=30); print(r.status_code)"
        url = f"http://{server.http}/v2/models/task_router_ensemble/infer"
        client = subprocess.Popen(
            [sys.executable, "-c", code, url, json.dumps(asked)], stdout=subprocess.PIPE, text=True
        )
        while requests.get(f"http://{server.metrics}/metrics", timeout=5).text.splitlines()[-1].endswith(" 0"):
            time.sleep(0.005)
        server.process.terminate()
        assert client.communicate(timeout=30)[0].strip() == "200"
