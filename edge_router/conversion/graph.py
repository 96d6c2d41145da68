"""Builds an ONNX graph node by node, and writes linear layers and embeddings in several weight formats.

Nothing is traced, so the graph has no superfluous nodes. Weights are written to their file as they are added, so the
whole network is never in memory. Operators of the domain `com.microsoft` are ONNX Runtime's own:
https://github.com/microsoft/onnxruntime/blob/main/docs/ContribOperators.md.
"""

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, TypeAlias

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from edge_router.engines.onnx import IDS, MASK
from edge_router.tensors import Array

MICROSOFT = "com.microsoft"
OPSETS = [helper.make_opsetid("", 17), helper.make_opsetid(MICROSOFT, 1)]
IR_VERSION = 8
"""The version of opset 17, which the oldest supported ONNX Runtime in a Triton container can read."""
SMALLEST_NORMAL = np.finfo(np.float32).tiny
INLINE = 1024
"""Weights of fewer bytes are stored in the graph itself."""
PAGE = 4096
BLOCK = 32
"""Number of weights that share a scale in a block format."""


class GraphBuilder:
    """An ONNX graph under construction. Its methods append to it and return the name of the new tensor."""

    def __init__(
        self, data: BinaryIO, location: str, precision: type[np.floating[Any]] = np.float32, *, masked: bool = True
    ) -> None:
        """`data`: the file for the weights; `location`: its name, beside the graph's file. `precision`: of all
        operators but layer norms and softmax, which are always FP32. `masked`: the graph takes a mask."""
        self.precision = precision
        self.masked = masked
        self.nodes: list[onnx.NodeProto] = []
        self.weights: dict[str, onnx.TensorProto] = {}
        self._outputs: list[onnx.ValueInfoProto] = []
        self._data = data
        self._location = location

    def weight(self, name: str, value: Array) -> str:
        value = np.ascontiguousarray(value)
        self.weights[name] = (
            numpy_helper.from_array(value, name) if value.nbytes < INLINE else self._external(name, value)
        )
        return name

    def integers(self, *values: int) -> str:
        """A constant INT64 [len(values)]; equal values share one tensor."""
        name = "_".join(map(str, ("integers", *values)))
        return name if name in self.weights else self.weight(name, np.array(values, dtype=np.int64))

    def node(self, operator: str, *inputs: str, domain: str = "", name: str = "", **attributes: Any) -> str:
        output = name or f"{operator.lower()}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(operator, inputs, [output], output, domain=domain, **attributes))
        return output

    def split(self, x: str, sizes: Sequence[int], axis: int) -> list[str]:
        outputs = [f"split_{len(self.nodes)}_{part}" for part in range(len(sizes))]
        self.nodes.append(helper.make_node("Split", [x, self.integers(*sizes)], outputs, outputs[0], axis=axis))
        return outputs

    def narrow(self, x: str) -> str:
        """Converts FP32 to `precision`."""
        to = helper.np_dtype_to_tensor_dtype(np.dtype(self.precision))
        return x if self.precision is np.float32 else self.node("Cast", x, to=to)

    def widen(self, x: str) -> str:
        """Converts `precision` to FP32."""
        return x if self.precision is np.float32 else self.node("Cast", x, to=TensorProto.FLOAT)

    def output(self, name: str, shape: Sequence[str | int]) -> None:
        """Makes the FP32 tensor `name` an output of the network."""
        self._outputs.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, shape))

    def model(self) -> onnx.ModelProto:
        names = [IDS, MASK] if self.masked else [IDS]
        inputs = [helper.make_tensor_value_info(name, TensorProto.INT64, ["rows", "tokens"]) for name in names]
        graph = helper.make_graph(self.nodes, "edge_router", inputs, self._outputs, list(self.weights.values()))
        return helper.make_model(graph, opset_imports=OPSETS, ir_version=IR_VERSION)

    def _external(self, name: str, value: Array) -> onnx.TensorProto:
        self._data.seek(-self._data.tell() % PAGE, os.SEEK_CUR)
        location = {"location": self._location, "offset": self._data.tell(), "length": value.nbytes}
        self._data.write(value.data)
        return TensorProto(
            name=name,
            dims=value.shape,
            data_type=helper.np_dtype_to_tensor_dtype(value.dtype),
            data_location=TensorProto.EXTERNAL,
            external_data=[onnx.StringStringEntryProto(key=key, value=str(each)) for key, each in location.items()],
        )


@contextmanager
def write_graph(
    file: Path, precision: type[np.floating[Any]] = np.float32, *, masked: bool = True
) -> Iterator[GraphBuilder]:
    """Yields a graph; at the end of the block writes it to `file`, with its weights in `file`.data.

    ONNX Runtime maps the weights; pages that are never read do not become resident.
    """
    with file.with_name(f"{file.name}.data").open("wb") as data:
        graph = GraphBuilder(data, f"{file.name}.data", precision, masked=masked)
        yield graph
    file.write_bytes(graph.model().SerializeToString())


Linear: TypeAlias = Callable[[GraphBuilder, str, str, Array, Array], str]
"""Writes a linear layer: (graph, name, x, weight [out, in], bias [out]) -> x @ weight.T + bias, in the graph's
precision."""
Embedding: TypeAlias = Callable[[GraphBuilder, str, Array], str]
"""Writes an embedding: (graph, ids, table) -> FP32 rows of the table."""


@dataclass(frozen=True)
class WeightFormat:
    """How a graph stores its weights."""

    linear: Linear
    embedding: Embedding
    positions: type[np.floating[Any]] = np.float32
    """Data type of the position table, the only large table besides the words."""


def float_linear(graph: GraphBuilder, name: str, x: str, weight: Array, bias: Array) -> str:
    matrix = graph.weight(f"{name}.weight", weight.T.astype(graph.precision))
    return graph.node(
        "Add", graph.node("MatMul", x, matrix), graph.weight(f"{name}.bias", bias.astype(graph.precision))
    )


def int8_linear(graph: GraphBuilder, name: str, x: str, weight: Array, bias: Array) -> str:
    """int8 weights with one scale for each output; `x` gets one scale for the whole tensor at run time.

    Weights use 7 bits: CPUs without VNNI add two products in 16 bits, which 8-bit weights would overflow.
    """
    scale = np.maximum(np.abs(weight).max(axis=1) / 63, SMALLEST_NORMAL).astype(np.float32)
    levels = np.rint(weight / scale[:, np.newaxis]).astype(np.int8)
    return graph.node(
        "DynamicQuantizeMatMul",
        x,
        graph.weight(f"{name}.weight", levels.T),
        graph.weight(f"{name}.scale", scale),
        "",  # no zero point: the levels are symmetric
        graph.weight(f"{name}.bias", bias),
        domain=MICROSOFT,
    )


def block_linear(graph: GraphBuilder, name: str, x: str, weight: Array, bias: Array) -> str:
    """8-bit weights with one scale for every 32 inputs of an output, as has `x` at run time: an outlier affects its own
    block only."""
    outputs, inputs = weight.shape
    blocks = np.pad(weight, ((0, 0), (0, -inputs % BLOCK))).reshape(outputs, -1, BLOCK)
    scale = np.maximum(np.abs(blocks).max(axis=2) / 127, SMALLEST_NORMAL).astype(np.float32)
    levels = np.rint(blocks / scale[:, :, np.newaxis]) + 128
    product = graph.node(
        "MatMulNBits",
        x,
        graph.weight(f"{name}.weight", levels.astype(np.uint8)),
        graph.weight(f"{name}.scale", scale.reshape(-1)),
        domain=MICROSOFT,
        K=inputs,
        N=outputs,
        bits=8,
        block_size=BLOCK,
        accuracy_level=4,  # multiplies 8-bit integers
    )
    return graph.node("Add", product, graph.weight(f"{name}.bias", bias))


def float_embedding(graph: GraphBuilder, ids: str, table: Array) -> str:
    return graph.node("Gather", graph.weight("words", table), ids)


def half_embedding(graph: GraphBuilder, ids: str, table: Array) -> str:
    rows = graph.node("Gather", graph.weight("words", table.astype(np.float16)), ids)
    return graph.node("Cast", rows, to=TensorProto.FLOAT)


def int8_embedding(graph: GraphBuilder, ids: str, table: Array) -> str:
    """One scale for each row: a quarter of the size, with an error below 1/254 of a row's largest value."""
    scale = np.maximum(np.abs(table).max(axis=1, keepdims=True) / 127, SMALLEST_NORMAL).astype(np.float32)
    levels = graph.node("Gather", graph.weight("words", np.rint(table / scale).astype(np.int8)), ids)
    factor = graph.node("Gather", graph.weight("words.scale", scale), ids)
    return graph.node("Mul", graph.node("Cast", levels, to=TensorProto.FLOAT), factor)
