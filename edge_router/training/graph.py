"""A BERT encoder with heads as an ONNX graph, written node by node: nothing is traced, so nothing but the work is in
it.

Against a traced export: query, key and value in one product, attention in one operator, no shape arithmetic, no
padding; in int8 one node a linear layer. Operators of the domain `com.microsoft` are ONNX Runtime's own:
https://github.com/microsoft/onnxruntime/blob/main/docs/ContribOperators.md.
"""

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from edge_router.tensors import Array

Weights: TypeAlias = Mapping[str, Array]
"""FP32, by the names of a Hugging Face BertModel behind `encoder.`, and `head.weight`, `head.bias`; weights are [out,
in]."""

INPUTS = ("input_ids", "attention_mask")
MICROSOFT = "com.microsoft"
OPSETS = [helper.make_opsetid("", 17), helper.make_opsetid(MICROSOFT, 1)]
IR_VERSION = 8
"""Of opset 17: the oldest ONNX Runtime in a Triton container in use reads it."""
SMALLEST_NORMAL = np.finfo(np.float32).tiny


class Graph:
    """Nodes and weights in the making. Every method appends and returns the name of what it made."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.weights: list[onnx.TensorProto] = []

    def weight(self, name: str, value: Array) -> str:
        self.weights.append(numpy_helper.from_array(np.ascontiguousarray(value), name))
        return name

    def node(self, operator: str, *inputs: str, domain: str = "", name: str = "", **attributes: Any) -> str:
        output = name or f"{operator.lower()}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(operator, inputs, [output], output, domain=domain, **attributes))
        return output

    def model(self, logits: int) -> onnx.ModelProto:
        ids = [helper.make_tensor_value_info(name, TensorProto.INT64, ["rows", "tokens"]) for name in INPUTS]
        output = helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["rows", logits])
        graph = helper.make_graph(self.nodes, "edge_router", ids, [output], self.weights)
        return helper.make_model(graph, opset_imports=OPSETS, ir_version=IR_VERSION)


Linear: TypeAlias = Callable[[Graph, str, str, Array, Array], str]
Embedding: TypeAlias = Callable[[Graph, str, Array], str]


def float_linear(graph: Graph, name: str, x: str, weight: Array, bias: Array) -> str:
    product = graph.node("MatMul", x, graph.weight(f"{name}.weight", weight.T))
    return graph.node("Add", product, graph.weight(f"{name}.bias", bias))


def int8_linear(graph: Graph, name: str, x: str, weight: Array, bias: Array) -> str:
    """int8 weights with one scale an output; `x` is scaled at run time, the whole tensor at once.

    Weights use 7 bits: processors without VNNI add two products in 16 bits, which 8-bit weights overflow.
    """
    scale = np.maximum(np.abs(weight).max(axis=1) / 63, SMALLEST_NORMAL).astype(np.float32)
    levels = np.rint(weight / scale[:, np.newaxis]).astype(np.int8)
    return graph.node(
        "DynamicQuantizeMatMul",
        x,
        graph.weight(f"{name}.weight", levels.T),
        graph.weight(f"{name}.scale", scale),
        graph.weight(f"{name}.zero", np.zeros(len(scale), dtype=np.int8)),
        graph.weight(f"{name}.bias", bias),
        domain=MICROSOFT,
    )


def float_embedding(graph: Graph, ids: str, table: Array) -> str:
    return graph.node("Gather", graph.weight("words", table), ids)


def int8_embedding(graph: Graph, ids: str, table: Array) -> str:
    """One scale a row: a quarter of the size, an error below 1/254 of a row's largest value."""
    scale = np.maximum(np.abs(table).max(axis=1, keepdims=True) / 127, SMALLEST_NORMAL).astype(np.float32)
    levels = graph.node("Gather", graph.weight("words", np.rint(table / scale).astype(np.int8)), ids)
    factor = graph.node("Gather", graph.weight("words.scale", scale), ids)
    return graph.node("Mul", graph.node("Cast", levels, to=TensorProto.FLOAT), factor)


def build(weights: Weights, *, heads: int, epsilon: float, linear: Linear, embedding: Embedding) -> onnx.ModelProto:
    """ids, mask INT64 [rows, tokens] -> logits FP32 [rows, logits]. `heads`: of attention; `epsilon`: of the layer
    norms."""
    graph = Graph()
    mask = graph.node("Cast", "attention_mask", to=TensorProto.INT32)
    x = _embedded(graph, weights, epsilon, embedding)
    layers = 1 + max(int(name.split(".")[3]) for name in weights if name.startswith("encoder.encoder.layer."))
    for layer in range(layers):
        x = _layer(graph, weights, f"encoder.encoder.layer.{layer}", x, mask, heads, epsilon, linear)
    mean = _mean(graph, x)
    # The head is a thousandth of the work and decides: it stays in float.
    matrix, bias = graph.weight("head.weight", weights["head.weight"]), graph.weight("head.bias", weights["head.bias"])
    graph.node("Gemm", mean, matrix, bias, transB=1, name="logits")
    return graph.model(logits=len(weights["head.bias"]))


def _embedded(graph: Graph, weights: Weights, epsilon: float, embedding: Embedding) -> str:
    prefix = "encoder.embeddings"
    places = weights[f"{prefix}.position_embeddings.weight"] + weights[f"{prefix}.token_type_embeddings.weight"][0]
    tokens = graph.node("Shape", "input_ids", start=1, end=2)
    zero = graph.weight("zero", np.array([0], dtype=np.int64))
    place = graph.node("Slice", graph.weight("places", places), zero, tokens, zero)
    words = embedding(graph, "input_ids", weights[f"{prefix}.word_embeddings.weight"])
    scale, bias = _norm(graph, weights, f"{prefix}.LayerNorm")
    return graph.node("LayerNormalization", graph.node("Add", words, place), scale, bias, epsilon=epsilon)


def _layer(
    graph: Graph, weights: Weights, name: str, x: str, mask: str, heads: int, epsilon: float, linear: Linear
) -> str:
    def apply(part: str, value: str) -> str:
        return linear(graph, f"{name}.{part}", value, weights[f"{name}.{part}.weight"], weights[f"{name}.{part}.bias"])

    def add_and_norm(value: str, residual: str, part: str) -> str:
        scale, bias = _norm(graph, weights, f"{name}.{part}.LayerNorm")
        return graph.node("SkipLayerNormalization", value, residual, scale, bias, domain=MICROSOFT, epsilon=epsilon)

    attended = apply(
        "attention.output.dense", _attention(graph, weights, f"{name}.attention.self", x, mask, heads, linear)
    )
    x = add_and_norm(attended, x, "attention.output")
    inner = graph.node("Gelu", apply("intermediate.dense", x), domain=MICROSOFT)
    return add_and_norm(apply("output.dense", inner), x, "output")


def _attention(graph: Graph, weights: Weights, name: str, x: str, mask: str, heads: int, linear: Linear) -> str:
    parts = ("query", "key", "value")
    weight = np.concatenate([weights[f"{name}.{part}.weight"] for part in parts])
    bias = np.concatenate([weights[f"{name}.{part}.bias"] for part in parts])
    joined = linear(graph, name, x, weight, bias)
    split = [f"{joined}_{part}" for part in parts]
    graph.nodes.append(helper.make_node("Split", [joined], split, f"{joined}_split", axis=2))
    return graph.node("MultiHeadAttention", *split, "", mask, domain=MICROSOFT, num_heads=heads)


def _norm(graph: Graph, weights: Weights, name: str) -> tuple[str, str]:
    scale, bias = (graph.weight(f"{name}.{part}", weights[f"{name}.{part}"]) for part in ("weight", "bias"))
    return scale, bias


def _mean(graph: Graph, x: str) -> str:
    """Over the tokens that the mask marks: [rows, tokens, width] -> [rows, width]."""
    one = graph.weight("one", np.array([1], dtype=np.int64))
    mask = graph.node("Cast", "attention_mask", to=TensorProto.FLOAT)
    share = graph.node("Div", mask, graph.node("ReduceSum", mask, one, keepdims=1))
    row = graph.node("Unsqueeze", share, one)
    return graph.node("Squeeze", graph.node("MatMul", row, x), one)
