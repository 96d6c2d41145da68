"""Writes BERT (Devlin et al. 2018) as a graph: attention is one operator, without shape arithmetic or padding."""

from onnx import TensorProto

from edge_router.conversion.encoder import Encoder, Weights
from edge_router.conversion.graph import MICROSOFT, GraphBuilder, WeightFormat
from edge_router.conversion.transformer import after_attention, norm, projections
from edge_router.engines.onnx import IDS, MASK


def encode(graph: GraphBuilder, encoder: Encoder, weights: Weights, weight_format: WeightFormat) -> str:
    """Writes the encoder: ids, mask INT64 [rows, tokens] -> hidden states FP32 [rows, tokens, width]."""
    mask = graph.node("Cast", MASK, to=TensorProto.INT32) if graph.masked else ""
    x = _embeddings(graph, encoder, weights, weight_format)
    for number in range(encoder.layers):
        name = f"encoder.encoder.layer.{number}"
        attended = _attention(graph, encoder, weights, f"{name}.attention.self", graph.narrow(x), mask, weight_format)
        x = after_attention(graph, encoder, weights, name, x, attended, weight_format)
    return x


def _embeddings(graph: GraphBuilder, encoder: Encoder, weights: Weights, weight_format: WeightFormat) -> str:
    prefix = "encoder.embeddings"
    table = weights[f"{prefix}.position_embeddings.weight"] + weights[f"{prefix}.token_type_embeddings.weight"][0]
    tokens, zero = graph.node("Shape", IDS, start=1, end=2), graph.integers(0)
    positions = graph.node("Slice", graph.weight("places", table), zero, tokens, zero)
    words = weight_format.embedding(graph, IDS, weights[f"{prefix}.word_embeddings.weight"])
    return norm(graph, encoder, weights, f"{prefix}.LayerNorm", graph.node("Add", words, positions))


def _attention(
    graph: GraphBuilder, encoder: Encoder, weights: Weights, name: str, x: str, mask: str, weight_format: WeightFormat
) -> str:
    joined = weight_format.linear(graph, name, x, *projections(encoder, weights, name))
    query, key, value = graph.split(joined, [encoder.width] * 3, axis=2)
    return graph.node(
        "MultiHeadAttention", query, key, value, "", mask, domain=MICROSOFT, num_heads=encoder.attention_heads
    )
