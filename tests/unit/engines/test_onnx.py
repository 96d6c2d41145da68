"""OnnxEngine: wrong network files and providers are refused. The network under test doubles its input."""

from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from edge_router.contract import NETWORK_FILE
from edge_router.engines import EngineError, EngineSettings
from edge_router.engines.onnx import OnnxEngine, open_session
from edge_router.engines.runtime import onnxruntime
from edge_router.errors import RepositoryError

WIDTH = 4
DATA = "model.onnx.data"
WEIGHTS = np.eye(WIDTH, dtype=np.float32) * 2
IDLE = "AzureExecutionProvider"
"""A provider that every build of ONNX Runtime has and that has no kernels for this network, so the CPU runs it."""


def network(folder: Path, data: str = DATA, extent: Mapping[str, int] = {}) -> Path:
    """Writes `model.onnx`: logits = (ids + mask) @ weights. The weights refer to the file `data`; `extent`: the offset
    and length that they claim there."""
    weights = TensorProto(name="weights", data_type=TensorProto.FLOAT, dims=WEIGHTS.shape)
    weights.data_location = TensorProto.EXTERNAL
    for key, value in {"location": data, **extent}.items():
        weights.external_data.add(key=key, value=str(value))
    nodes = [
        helper.make_node("Add", ["input_ids", "attention_mask"], ["sum"]),
        helper.make_node("Cast", ["sum"], ["x"], to=TensorProto.FLOAT),
        helper.make_node("MatMul", ["x", "weights"], ["logits"]),
    ]
    inputs = [
        helper.make_tensor_value_info(name, TensorProto.INT64, ["rows", WIDTH])
        for name in ("input_ids", "attention_mask")
    ]
    output = helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["rows", WIDTH])
    graph = helper.make_graph(nodes, "doubles", inputs, [output], [weights])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    file = folder / NETWORK_FILE
    onnx.save(model, file)
    return file


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A version folder, with a file of weights outside of it."""
    version = tmp_path / "model" / "1"
    version.mkdir(parents=True)
    WEIGHTS.tofile(version / DATA)
    WEIGHTS.tofile(tmp_path / "outside.data")
    return version


def test_the_named_network_runs(folder: Path) -> None:
    network(folder).rename(folder / "other.onnx")
    ids = np.arange(WIDTH)[np.newaxis]
    engine = OnnxEngine.load(folder, EngineSettings(network="other.onnx", threads=1))
    assert engine.run(ids, np.ones_like(ids)).tolist() == [[2, 4, 6, 8]]
    with pytest.raises(EngineError):
        engine.run(ids[:, :2], ids[:, :2])


def absolute(folder: Path) -> Path:
    return network(folder, str(folder.parents[1] / "outside.data"))


def upwards(folder: Path) -> Path:
    return network(folder, "../../outside.data")


def linked(folder: Path) -> Path:
    (folder / "link.data").symlink_to("../../outside.data")
    return network(folder, "link.data")


def missing(folder: Path) -> Path:
    return network(folder, "nowhere.data")


@pytest.mark.parametrize("write", [absolute, upwards, linked, missing])
def test_weights_outside_the_folder_are_refused(write: Callable[[Path], Path], folder: Path) -> None:
    file = write(folder)
    with pytest.raises(RepositoryError) as raised:
        open_session(file, EngineSettings())
    assert str(raised.value).startswith(f"{file}: its weights are not a file of this folder")


@pytest.mark.parametrize(
    ("extent", "message"),
    [({"offset": 64}, "data file is truncated"), ({"length": 4}, "does not match its data file")],
    ids=["truncated", "mismatch"],
)
def test_a_data_file_that_does_not_match_the_network_is_refused(
    extent: dict[str, int], message: str, folder: Path
) -> None:
    with pytest.raises(RepositoryError, match=message):
        open_session(network(folder, extent=extent), EngineSettings())


def test_a_file_that_is_not_onnx_is_refused_with_onnx_runtimes_message(folder: Path) -> None:
    (folder / NETWORK_FILE).write_bytes(b"not a graph")
    with pytest.raises(RepositoryError, match="cannot load it with PROVIDERS CPUExecutionProvider"):
        open_session(folder / NETWORK_FILE, EngineSettings())


def test_a_provider_that_the_build_lacks_is_named(folder: Path) -> None:
    with pytest.raises(RepositoryError, match="PROVIDERS names TeaExecutionProvider, but this build"):
        open_session(network(folder), EngineSettings(providers=["TeaExecutionProvider", "CPUExecutionProvider"]))


def test_a_network_whose_matrix_products_fall_back_to_the_cpu_is_refused(folder: Path) -> None:
    with pytest.raises(RepositoryError, match=f"PROVIDERS names {IDLE} first, but its MatMul would run on the CPU"):
        open_session(network(folder), EngineSettings(providers=[IDLE, "CPUExecutionProvider"]))


def test_a_missing_device_is_named(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A GPU build on a machine without a GPU: ONNX Runtime makes a session without the provider."""
    file = network(folder)
    without = onnxruntime.InferenceSession(str(file), providers=["CPUExecutionProvider"])
    monkeypatch.setattr(onnxruntime, "InferenceSession", lambda *_, **__: without)
    with pytest.raises(RepositoryError, match=f"names {IDLE} first, but ONNX Runtime finds no such device"):
        open_session(file, EngineSettings(providers=[IDLE]))


def test_options_reach_their_provider_and_onnx_runtime_may_not_try_another(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Left to itself it prints why a provider refused, and runs on the CPU."""
    given: dict[str, object] = {}

    def refuse(file: str, options: object, **arguments: object) -> None:
        given.update(arguments)
        raise RuntimeError("Invalid value for option device_type: Tea")

    monkeypatch.setattr(onnxruntime, "InferenceSession", refuse)
    settings = EngineSettings(providers=[IDLE, "CPUExecutionProvider"], provider_options={IDLE: {"device_type": "Tea"}})
    with pytest.raises(RepositoryError) as raised:
        open_session(folder / NETWORK_FILE, settings)
    assert given == {"providers": [(IDLE, {"device_type": "Tea"}), ("CPUExecutionProvider", {})], "enable_fallback": 0}
    assert str(raised.value).endswith(
        f'cannot load it with PROVIDERS {IDLE}, CPUExecutionProvider and PROVIDER_OPTIONS {{"{IDLE}": '
        '{"device_type": "Tea"}}: Invalid value for option device_type: Tea'
    )
