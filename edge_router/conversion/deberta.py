"""Writes DeBERTa-v3 (He et al. 2021) as a graph without repeated work.

An attention score is content(i, j) + query(i) . position_key(i - j) + key(j) . position_query(i - j), divided by
sqrt(3 * head size). Differences from the published code: the position embeddings are projected once, here, and not for
every prompt; the division is part of the weights; products over distances become products over tokens by a shifted
view, without a gather; query, key and value are one matrix product; nothing is padded.
"""

from typing import NamedTuple

import numpy as np
from onnx import TensorProto

from edge_router.conversion.encoder import Encoder, Weights
from edge_router.conversion.graph import GraphBuilder, WeightFormat
from edge_router.conversion.transformer import after_attention, norm, projections
from edge_router.engines.onnx import IDS, MASK
from edge_router.tensors import Array

MASKED = -1e9
"""Added to the score of a padding token, so that its softmax is 0."""
END = np.iinfo(np.int64).max


class Shared(NamedTuple):
    """Names of the tensors that every layer uses. n = tokens."""

    rows: str
    """INT64 [2n + 1]: the row of the position table for each distance from -n to n."""
    folded: str
    """INT64 [5]: the shape that turns products over distances into products over tokens."""
    query_slice: tuple[str, str]
    """Start and end, INT64 [2] each, of the rows and columns over tokens in the products of queries."""
    key_slice: tuple[str, str]
    """The same in the products of keys."""
    mask: str
    """FP32 [rows, 1, 1, 1, n]: 0, or MASKED for padding; empty in a graph without a mask."""


def encode(graph: GraphBuilder, encoder: Encoder, weights: Weights, weight_format: WeightFormat) -> str:
    """Writes the encoder: ids, mask INT64 [rows, tokens] -> hidden states FP32 [rows, tokens, width]."""
    words = weight_format.embedding(graph, IDS, weights["encoder.embeddings.word_embeddings.weight"])
    x = norm(graph, encoder, weights, "encoder.embeddings.LayerNorm", words)
    shared = _shared(graph, encoder)
    positions = _normalized_positions(encoder, weights)
    for number in range(encoder.layers):
        name = f"encoder.encoder.layer.{number}"
        attended = _attention(graph, encoder, weights, f"{name}.attention.self", x, positions, shared, weight_format)
        x = after_attention(graph, encoder, weights, name, x, attended, weight_format)
    return x


def bucket(distances: Array, buckets: int, positions: int) -> Array:
    """The bucket of each distance, INT64 from -buckets to buckets.

    A distance up to `buckets` / 2 is its own bucket; farther ones, up to `positions`, share buckets that grow with the
    logarithm. Formula and single precision are those of `make_log_bucket_position` in DeBERTa's code.
    """
    middle = buckets // 2
    far = np.maximum(np.abs(distances), middle).astype(np.float32) / np.float32(middle)
    share = np.log(far) / np.log(np.float32((positions - 1) / middle))
    grown = middle + np.ceil(share * np.float32(middle - 1)).astype(np.int64)
    return np.where(np.abs(distances) <= middle, distances, np.sign(distances) * np.minimum(grown, buckets))


def _shared(graph: GraphBuilder, encoder: Encoder) -> Shared:
    farthest = encoder.max_positions
    distances = np.arange(-farthest, farthest + 1)
    table = bucket(distances, encoder.position_buckets, encoder.max_positions) + encoder.position_buckets
    n = graph.node("Shape", IDS, start=1, end=2)
    first = graph.node("Sub", graph.integers(farthest), n)
    end = graph.node("Add", graph.integers(farthest + 1), n)
    rows = graph.node("Slice", graph.weight("rows", table), first, end, graph.integers(0))

    double = graph.node("Add", n, n)
    zero, after = graph.integers(0), graph.node("Add", n, graph.integers(1))
    folded = graph.node("Concat", graph.integers(0, 0, 1), graph.node("Add", double, graph.integers(1)), double, axis=0)
    query_slice = graph.node("Concat", zero, n, axis=0), graph.node("Concat", n, double, axis=0)
    key_slice = graph.node("Concat", after, zero, axis=0), graph.node("Concat", graph.integers(END), n, axis=0)

    return Shared(rows, folded, query_slice, key_slice, _mask(graph) if graph.masked else "")


def _mask(graph: GraphBuilder) -> str:
    scores = graph.weight("masked", np.array([MASKED, 0], dtype=np.float32))
    return graph.node("Unsqueeze", graph.node("Gather", scores, MASK), graph.integers(1, 2, 3))


def _normalized_positions(encoder: Encoder, weights: Weights) -> Array:
    """The position embeddings after their layer norm, FP64 [2 * buckets, width]."""
    rows = weights["encoder.encoder.rel_embeddings.weight"].astype(np.float64)
    centred = rows - rows.mean(axis=1, keepdims=True)
    scaled = centred / np.sqrt((centred**2).mean(axis=1, keepdims=True) + encoder.epsilon)
    normalized: Array = scaled * weights["encoder.encoder.LayerNorm.weight"] + weights["encoder.encoder.LayerNorm.bias"]
    return normalized


def _attention(
    graph: GraphBuilder,
    encoder: Encoder,
    weights: Weights,
    name: str,
    x: str,
    positions: Array,
    shared: Shared,
    weight_format: WeightFormat,
) -> str:
    weight, bias = projections(encoder, weights, name)
    table = _position_table(encoder, weight, bias, positions).astype(weight_format.positions)
    weight, bias = _grouped_by_head(encoder, weight, bias)
    joined = weight_format.linear(graph, name, graph.narrow(x), weight, bias)
    heads, size = encoder.attention_heads, encoder.width // encoder.attention_heads
    parts = graph.node("Reshape", joined, graph.integers(0, 0, heads, 3, size))
    pair, value = graph.split(graph.node("Transpose", parts, perm=[0, 2, 3, 1, 4]), [2, 1], axis=2)
    query, key = graph.split(pair, [1, 1], axis=2)
    content = graph.node("MatMul", query, _transposed(graph, key))
    by_query, by_key = _position_scores(graph, name, pair, table, shared)
    scores = graph.node("Add", graph.node("Add", content, by_query), _transposed(graph, by_key))
    scores = graph.widen(scores)
    softmax = graph.node("Softmax", graph.node("Add", scores, shared.mask) if graph.masked else scores)
    attended = graph.node("Squeeze", graph.node("MatMul", graph.narrow(softmax), value), graph.integers(2))
    return graph.node(
        "Reshape", graph.node("Transpose", attended, perm=[0, 2, 1, 3]), graph.integers(0, 0, encoder.width)
    )


def _position_scores(graph: GraphBuilder, name: str, pair: str, table: Array, shared: Shared) -> tuple[str, str]:
    """The scores of queries and keys ([rows, heads, 2, n, size]) with the positions: [rows, heads, 1, n, n] each.

    A product has 2n + 1 columns, one for each distance. The product for row i and token j is in column n - i + j. In
    memory that is offset i * 2n + n + j for the queries, and (n + 1 + i) * 2n + j for the keys, which follow them. So,
    seen as rows of 2n values, the products over tokens are two squares, and no gather is needed.
    """
    rows = graph.node("Gather", graph.weight(f"{name}.places", table), shared.rows, axis=3)
    if table.dtype != graph.precision:
        rows = graph.node("Cast", rows, to=TensorProto.FLOAT)
    products = graph.node("MatMul", pair, _transposed(graph, rows))
    folded = graph.node("Reshape", products, shared.folded)
    axes = graph.integers(3, 4)
    by_query, by_key = (graph.node("Slice", folded, *part, axes) for part in (shared.query_slice, shared.key_slice))
    return by_query, by_key


def _position_table(encoder: Encoder, weight: Array, bias: Array, positions: Array) -> Array:
    """The positions after the projections to key and query, FP64 [1, heads, 2, 2 * buckets + 1, size].

    For a query at i, column n - i + j is the distance i - j, so distances fall along the columns; for a key they rise.
    The table for queries is reversed, so that one list of rows serves both.
    """
    buckets, heads, width = encoder.position_buckets, encoder.attention_heads, encoder.width
    size = width // heads
    rising = np.arange(2 * buckets + 1).clip(max=2 * buckets - 1)  # as in DeBERTa's code, the last row is used twice
    falling = np.arange(2 * buckets, -1, -1).clip(max=2 * buckets - 1)
    query, key = (positions @ weight[part].T + bias[part] for part in (slice(width), slice(width, 2 * width)))
    both = np.stack([key[falling], query[rising] / np.sqrt(3 * size)])
    return both.reshape(1, 2, 2 * buckets + 1, heads, size).transpose(0, 3, 1, 2, 4)


def _grouped_by_head(encoder: Encoder, weight: Array, bias: Array) -> tuple[Array, Array]:
    """Weight and bias with query, key and value of each head side by side, and the queries divided."""
    heads, width = encoder.attention_heads, encoder.width
    size = width // heads

    def arranged(value: Array) -> Array:
        parts = value.reshape(3, heads, size, -1)
        divided = np.concatenate([parts[:1] / np.float32(np.sqrt(3 * size)), parts[1:]])
        return divided.transpose(1, 0, 2, 3).reshape(value.shape)

    return arranged(weight), arranged(bias)


def _transposed(graph: GraphBuilder, x: str) -> str:
    """Swaps the last two axes; ONNX Runtime fuses this with the matrix product that follows."""
    return graph.node("Transpose", x, perm=[0, 1, 2, 4, 3])
