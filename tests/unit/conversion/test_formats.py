"""The number formats: same logits within a tolerance, and sizes in order."""

from pathlib import Path

import numpy as np
import onnx
import pytest

from edge_router.contract import NETWORK_FILE
from edge_router.conversion.encoder import BERT, DEBERTA
from edge_router.conversion.formats import CANDIDATES, FORMATS, FP16, FP32, INT8, INT8_BLOCKS, Format, write
from edge_router.engines import EngineSettings
from edge_router.engines.onnx import OnnxEngine
from edge_router.tensors import Array
from tests.support.encoders import WORDS, checkpoint

IDS = np.random.default_rng(2).integers(WORDS, size=(1, 40))
NEAR = {"int8": 0.15, "int8-blocks": 0.1, "fp16-words": 1e-2, "fp32": 0, "fp16": 2e-2}
"""Allowed differences of logits from fp32, in standard deviations of a logit."""


def logits(architecture: str, number_format: Format, folder: Path) -> Array:
    write(number_format, checkpoint(architecture), folder)
    return OnnxEngine.load(folder, EngineSettings(network=number_format.file, threads=1)).run(IDS, np.ones_like(IDS))


@pytest.mark.parametrize("architecture", [DEBERTA, BERT])
@pytest.mark.parametrize("number_format", FORMATS.values(), ids=FORMATS)
def test_every_format_computes_the_network(architecture: str, number_format: Format, tmp_path: Path) -> None:
    wanted = logits(architecture, FP32, tmp_path)
    far = np.abs(logits(architecture, number_format, tmp_path) - wanted).max() / wanted.std()
    assert far <= NEAR[number_format.name]


def test_candidates_are_in_ascending_order_of_size(tmp_path: Path) -> None:
    sizes = []
    for number_format in CANDIDATES:
        write(number_format, checkpoint(DEBERTA), tmp_path)
        sizes.append((tmp_path / f"{NETWORK_FILE}.data").stat().st_size)
    assert len(sizes) == 4
    assert sizes[-1] > 1.5 * sizes[0]


def test_large_weights_have_the_data_type_of_the_format(tmp_path: Path) -> None:
    kinds = {INT8: {onnx.TensorProto.INT8}, INT8_BLOCKS: {onnx.TensorProto.UINT8}, FP16: {onnx.TensorProto.FLOAT16}}
    for number_format, wanted in kinds.items():
        write(number_format, checkpoint(DEBERTA), tmp_path)
        model = onnx.load(tmp_path / number_format.file, load_external_data=False)
        found = {weight.data_type for weight in model.graph.initializer if weight.name.endswith("dense.weight")}
        assert found == wanted, number_format.name


def test_layer_norms_and_softmax_of_fp16_are_fp32(tmp_path: Path) -> None:
    write(FP16, checkpoint(DEBERTA), tmp_path)
    model = onnx.shape_inference.infer_shapes(onnx.load(tmp_path / FP16.file))
    kinds = {value.name: value.type.tensor_type.elem_type for value in model.graph.value_info}
    guarded = [node for node in model.graph.node if node.op_type in ("LayerNormalization", "Softmax")]
    assert len(guarded) == 7
    assert {kinds[node.output[0]] for node in guarded} == {onnx.TensorProto.FLOAT}


def test_large_weights_start_at_page_boundaries_of_the_data_file(tmp_path: Path) -> None:
    """ONNX Runtime can then map them, and processes share them."""
    write(FP32, checkpoint(DEBERTA), tmp_path)
    assert {file.name for file in tmp_path.iterdir()} == {NETWORK_FILE, f"{NETWORK_FILE}.data"}
    model = onnx.load(tmp_path / NETWORK_FILE, load_external_data=False)
    beside = [weight for weight in model.graph.initializer if weight.external_data]
    offsets = {int(entry.value) for weight in beside for entry in weight.external_data if entry.key == "offset"}
    assert len(offsets) == len(beside) > 10
    assert all(offset % 4096 == 0 for offset in offsets)
