"""BERT (Devlin et al. 2018) as a graph: attention in one operator, no shape arithmetic, no padding."""

from onnx import TensorProto

from edge_router.conversion.encoder import Encoder, Weights
from edge_router.conversion.graph import MICROSOFT, GraphBuilder, Numbers
from edge_router.conversion.transformer import after_attention, norm, projections
from edge_router.engines.onnx import IDS, MASK


def encode(graph: GraphBuilder, encoder: Encoder, weights: Weights, numbers: Numbers) -> str:
    """ids, mask INT64 [rows, tokens] -> hidden states FP32 [rows, tokens, width]."""
    mask = graph.node("Cast", MASK, to=TensorProto.INT32) if graph.masked else ""
    x = _embedded(graph, encoder, weights, numbers)
    for number in range(encoder.layers):
        name = f"encoder.encoder.layer.{number}"
        attended = _attention(graph, encoder, weights, f"{name}.attention.self", graph.narrow(x), mask, numbers)
        x = after_attention(graph, encoder, weights, name, x, attended, numbers)
    return x


def _embedded(graph: GraphBuilder, encoder: Encoder, weights: Weights, numbers: Numbers) -> str:
    prefix = "encoder.embeddings"
    places = weights[f"{prefix}.position_embeddings.weight"] + weights[f"{prefix}.token_type_embeddings.weight"][0]
    tokens, zero = graph.node("Shape", IDS, start=1, end=2), graph.integers(0)
    place = graph.node("Slice", graph.weight("places", places), zero, tokens, zero)
    words = numbers.embedding(graph, IDS, weights[f"{prefix}.word_embeddings.weight"])
    return norm(graph, encoder, weights, f"{prefix}.LayerNorm", graph.node("Add", words, place))


def _attention(
    graph: GraphBuilder, encoder: Encoder, weights: Weights, name: str, x: str, mask: str, numbers: Numbers
) -> str:
    joined = numbers.linear(graph, name, x, *projections(encoder, weights, name))
    query, key, value = graph.split(joined, [encoder.width] * 3, axis=2)
    return graph.node(
        "MultiHeadAttention", query, key, value, "", mask, domain=MICROSOFT, num_heads=encoder.attention_heads
    )
