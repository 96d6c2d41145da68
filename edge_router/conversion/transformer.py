"""The parts that BERT and DeBERTa have in common: everything except the attention."""

import numpy as np
from onnx import TensorProto

from edge_router.conversion.encoder import PROJECTIONS, Encoder, Weights
from edge_router.conversion.graph import MICROSOFT, GraphBuilder, WeightFormat
from edge_router.engines.onnx import LOGITS, MASK
from edge_router.tensors import Array


def projections(encoder: Encoder, weights: Weights, name: str) -> tuple[Array, Array]:
    """The projections to query, key and value as one weight and one bias: one matrix product instead of three."""
    names = [f"{name}.{part}" for part in PROJECTIONS[encoder.architecture]]
    weight, bias = (np.concatenate([weights[f"{part}.{kind}"] for part in names]) for kind in ("weight", "bias"))
    return weight, bias


def after_attention(
    graph: GraphBuilder,
    encoder: Encoder,
    weights: Weights,
    name: str,
    x: str,
    attended: str,
    weight_format: WeightFormat,
) -> str:
    """Writes the rest of the layer `name`. `x`: the layer's input, FP32; `attended`: the attention's output, in the
    graph's precision."""

    def linear(part: str, value: str) -> str:
        weight, bias = weights[f"{name}.{part}.weight"], weights[f"{name}.{part}.bias"]
        return weight_format.linear(graph, f"{name}.{part}", value, weight, bias)

    def add_and_norm(value: str, residual: str, part: str) -> str:
        # Two nodes: on a CPU, ONNX Runtime's single node for both, SkipLayerNormalization, takes six times as long.
        total = graph.node("Add", graph.widen(value), residual)
        return norm(graph, encoder, weights, f"{name}.{part}.LayerNorm", total)

    x = add_and_norm(linear("attention.output.dense", attended), x, "attention.output")
    inner = graph.node("Gelu", linear("intermediate.dense", graph.narrow(x)), domain=MICROSOFT)
    return add_and_norm(linear("output.dense", inner), x, "output")


def norm(graph: GraphBuilder, encoder: Encoder, weights: Weights, name: str, x: str) -> str:
    scale, bias = (graph.weight(f"{name}.{part}", weights[f"{name}.{part}"]) for part in ("weight", "bias"))
    return graph.node("LayerNormalization", x, scale, bias, epsilon=encoder.epsilon)


def logits(graph: GraphBuilder, weights: Weights, hidden: str) -> None:
    """Writes the heads over the mean of the tokens: FP32 [rows, tokens, width] -> output `logits`."""
    mean = _masked_mean(graph, hidden) if graph.masked else graph.node("ReduceMean", hidden, axes=[1], keepdims=0)
    # The heads stay in FP32: they are a thousandth of the work and their values make the decision.
    matrix, bias = graph.weight("head.weight", weights["head.weight"]), graph.weight("head.bias", weights["head.bias"])
    graph.node("Gemm", mean, matrix, bias, transB=1, name=LOGITS)
    graph.output(LOGITS, ["rows", len(weights["head.bias"])])


def _masked_mean(graph: GraphBuilder, hidden: str) -> str:
    """The mean over the tokens whose mask is 1."""
    one = graph.integers(1)
    mask = graph.node("Cast", MASK, to=TensorProto.FLOAT)
    share = graph.node("Div", mask, graph.node("ReduceSum", mask, one, keepdims=1))
    return graph.node("Squeeze", graph.node("MatMul", graph.node("Unsqueeze", share, one), hidden), one)
