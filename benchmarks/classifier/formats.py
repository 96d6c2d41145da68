"""Writes a checkpoint in every format that is measured."""

import logging
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from onnxruntime.quantization import QuantType, quantize_dynamic
from rich.progress import Progress

from benchmarks.classifier.variants import FIRST_WORD, PADDED
from edge_router.conversion import formats, retrace
from edge_router.conversion.calibration import peaks
from edge_router.conversion.checkpoint import Checkpoint
from edge_router.conversion.eager import export_plain
from edge_router.conversion.graph import IR_VERSION, OPSETS

CALIBRATION = 64
"""Number of prompts for calibration."""

logging.disable()  # onnxruntime's quantiser recommends options that would change the network


def write_plain_int8(checkpoint: Checkpoint, folder: Path) -> None:
    with tempfile.TemporaryDirectory(dir=folder) as scratch:
        export_plain(checkpoint, Path(scratch, "model.onnx"))
        quantize_dynamic(
            Path(scratch, "model.onnx"),
            folder / "model.onnx",
            weight_type=QuantType.QInt8,
            use_external_data_format=True,
            extra_options={"DefaultTensorType": TensorProto.FLOAT},
        )


def write_int8(checkpoint: Checkpoint, folder: Path) -> None:
    chance = np.random.default_rng(0)
    words = len(checkpoint.weights["encoder.embeddings.word_embeddings.weight"])
    prompts = [chance.integers(FIRST_WORD, words, tokens) for tokens in chance.integers(8, PADDED, CALIBRATION)]
    with Progress(transient=True) as progress:
        formats.write(formats.INT8, checkpoint, folder, peaks(checkpoint, prompts, folder, progress))


def write_products(checkpoint: Checkpoint, folder: Path) -> None:
    """Writes only the matrix products of the network, uint8 inputs times int8 weights, joined as in the lean graph."""
    width = checkpoint.encoder.width
    inner = len(checkpoint.weights["encoder.encoder.layer.0.intermediate.dense.weight"])
    shapes = [(width, 3 * width), (width, width), (width, inner), (inner, width)] * checkpoint.encoder.layers
    chance = np.random.default_rng(0)
    weights = [
        numpy_helper.from_array(chance.integers(-127, 128, shape, np.int8), f"w{at}") for at, shape in enumerate(shapes)
    ]
    nodes = [
        helper.make_node("MatMulInteger", [f"x{shape[0]}", f"w{at}"], [f"y{at}"]) for at, shape in enumerate(shapes)
    ]
    inputs = [helper.make_tensor_value_info(f"x{size}", TensorProto.UINT8, ["tokens", size]) for size in (width, inner)]
    outputs = [
        helper.make_tensor_value_info(f"y{at}", TensorProto.INT32, ["tokens", shape[1]])
        for at, shape in enumerate(shapes)
    ]
    graph = helper.make_graph(nodes, "products", inputs, outputs, weights)
    onnx.save(helper.make_model(graph, opset_imports=OPSETS, ir_version=IR_VERSION), folder / "model.onnx")


WRITERS: Mapping[str, Callable[[Checkpoint, Path], object]] = {
    "trace": lambda checkpoint, folder: retrace.write(checkpoint, folder / "model.pt", "cpu"),
    "plain": lambda checkpoint, folder: export_plain(checkpoint, folder / "model.onnx"),
    "plain-int8": write_plain_int8,
    "fp32": lambda checkpoint, folder: formats.write(formats.FP32, checkpoint, folder),
    "int8": write_int8,
    "products": write_products,
}
