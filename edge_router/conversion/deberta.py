"""DeBERTa-v3 (He et al. 2021) as a graph that does nothing twice.

A score is content(i, j) + query(i) . place_key(i - j) + key(j) . place_query(i - j), divided by sqrt(3 * head size).
Against the published code: the rows of places go through the projections once, here, and not at every prompt; the
division is in the weights; a row of products over distances becomes a row over tokens by reading it shifted, without a
gather; query, key and value are one product; nothing is padded.
"""

from typing import NamedTuple

import numpy as np
from onnx import TensorProto

from edge_router.conversion.encoder import Encoder, Weights
from edge_router.conversion.graph import GraphBuilder, Numbers
from edge_router.conversion.transformer import after_attention, norm, projections
from edge_router.engines.onnx import IDS, MASK
from edge_router.tensors import Array

MASKED = -1e9
"""Added to the score of a padding token: nothing is left of it after the softmax."""
END = np.iinfo(np.int64).max


class Shared(NamedTuple):
    """What every layer needs, by name. n = tokens."""

    rows: str
    """INT64 [2n + 1]: the row of places for each distance from -n to n."""
    folded: str
    """INT64 [5]: the shape in which products over distances show those over tokens."""
    of_queries: tuple[str, str]
    """First and end, INT64 [2] each: where rows and columns over tokens lie for queries,"""
    of_keys: tuple[str, str]
    """and where for keys."""
    mask: str
    """FP32 [rows, 1, 1, 1, n]: 0, or MASKED for padding; empty in a graph without a mask."""


def encode(graph: GraphBuilder, encoder: Encoder, weights: Weights, numbers: Numbers) -> str:
    """ids, mask INT64 [rows, tokens] -> hidden states FP32 [rows, tokens, width]."""
    words = numbers.embedding(graph, IDS, weights["encoder.embeddings.word_embeddings.weight"])
    x = norm(graph, encoder, weights, "encoder.embeddings.LayerNorm", words)
    shared = _shared(graph, encoder)
    places = _normed_places(encoder, weights)
    for number in range(encoder.layers):
        name = f"encoder.encoder.layer.{number}"
        attended = _attention(graph, encoder, weights, f"{name}.attention.self", x, places, shared, numbers)
        x = after_attention(graph, encoder, weights, name, x, attended, numbers)
    return x


def bucket(distances: Array, buckets: int, positions: int) -> Array:
    """Up to half of `buckets` a distance is its own bucket, from there to `positions` they grow with its logarithm.

    INT64, from -buckets to buckets; formula (and single precision) of `make_log_bucket_position` in DeBERTa's code.
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
    of_queries = graph.node("Concat", zero, n, axis=0), graph.node("Concat", n, double, axis=0)
    of_keys = graph.node("Concat", after, zero, axis=0), graph.node("Concat", graph.integers(END), n, axis=0)

    return Shared(rows, folded, of_queries, of_keys, _mask(graph) if graph.masked else "")


def _mask(graph: GraphBuilder) -> str:
    scores = graph.weight("masked", np.array([MASKED, 0], dtype=np.float32))
    return graph.node("Unsqueeze", graph.node("Gather", scores, MASK), graph.integers(1, 2, 3))


def _normed_places(encoder: Encoder, weights: Weights) -> Array:
    """FP64 [2 * buckets, width]."""
    rows = weights["encoder.encoder.rel_embeddings.weight"].astype(np.float64)
    centred = rows - rows.mean(axis=1, keepdims=True)
    scaled = centred / np.sqrt((centred**2).mean(axis=1, keepdims=True) + encoder.epsilon)
    found: Array = scaled * weights["encoder.encoder.LayerNorm.weight"] + weights["encoder.encoder.LayerNorm.bias"]
    return found


def _attention(
    graph: GraphBuilder,
    encoder: Encoder,
    weights: Weights,
    name: str,
    x: str,
    places: Array,
    shared: Shared,
    numbers: Numbers,
) -> str:
    weight, bias = projections(encoder, weights, name)
    table = _folded(encoder, weight, bias, places).astype(numbers.places)
    weight, bias = _by_head(encoder, weight, bias)
    joined = numbers.linear(graph, name, graph.narrow(x), weight, bias)
    heads, size = encoder.attention_heads, encoder.width // encoder.attention_heads
    parts = graph.node("Reshape", joined, graph.integers(0, 0, heads, 3, size))
    pair, value = graph.split(graph.node("Transpose", parts, perm=[0, 2, 3, 1, 4]), [2, 1], axis=2)
    query, key = graph.split(pair, [1, 1], axis=2)
    content = graph.node("MatMul", query, _transposed(graph, key))
    by_query, by_key = _placed(graph, name, pair, table, shared)
    scores = graph.node("Add", graph.node("Add", content, by_query), _transposed(graph, by_key))
    scores = graph.widen(scores)
    shares = graph.node("Softmax", graph.node("Add", scores, shared.mask) if graph.masked else scores)
    attended = graph.node("Squeeze", graph.node("MatMul", graph.narrow(shares), value), graph.integers(2))
    return graph.node(
        "Reshape", graph.node("Transpose", attended, perm=[0, 2, 1, 3]), graph.integers(0, 0, encoder.width)
    )


def _placed(graph: GraphBuilder, name: str, pair: str, table: Array, shared: Shared) -> tuple[str, str]:
    """What queries and keys, [rows, heads, 2, n, size], make of the places: [rows, heads, 1, n, n] each.

    A product has 2n + 1 columns, one a distance. Token j of row i stands in column n - i + j: of the queries at
    i * 2n + n + j as they lie in memory, and of the keys, which lie behind them, at (n + 1 + i) * 2n + j. So in rows of
    2n they show their tokens in a square each, and nothing has to be gathered.
    """
    rows = graph.node("Gather", graph.weight(f"{name}.places", table), shared.rows, axis=3)
    if table.dtype != graph.precision:
        rows = graph.node("Cast", rows, to=TensorProto.FLOAT)
    products = graph.node("MatMul", pair, _transposed(graph, rows))
    folded = graph.node("Reshape", products, shared.folded)
    axes = graph.integers(3, 4)
    by_query, by_key = (graph.node("Slice", folded, *where, axes) for where in (shared.of_queries, shared.of_keys))
    return by_query, by_key


def _folded(encoder: Encoder, weight: Array, bias: Array, places: Array) -> Array:
    """The places as queries and keys see them, FP64 [1, heads, 2, 2 * buckets + 1, size].

    A query at i meets the key of place i - j in column n - i + j, so distances fall along its columns; for a key they
    rise. With the table of the queries turned round, one list of rows serves both.
    """
    buckets, heads, width = encoder.position_buckets, encoder.attention_heads, encoder.width
    size = width // heads
    rising = np.arange(2 * buckets + 1).clip(max=2 * buckets - 1)  # as in DeBERTa's code, the last row serves twice
    falling = np.arange(2 * buckets, -1, -1).clip(max=2 * buckets - 1)
    query, key = (places @ weight[part].T + bias[part] for part in (slice(width), slice(width, 2 * width)))
    both = np.stack([key[falling], query[rising] / np.sqrt(3 * size)])
    return both.reshape(1, 2, 2 * buckets + 1, heads, size).transpose(0, 3, 1, 2, 4)


def _by_head(encoder: Encoder, weight: Array, bias: Array) -> tuple[Array, Array]:
    """Query, key and value of a head side by side, the queries divided."""
    heads, width = encoder.attention_heads, encoder.width
    size = width // heads

    def arranged(value: Array) -> Array:
        parts = value.reshape(3, heads, size, -1)
        divided = np.concatenate([parts[:1] / np.float32(np.sqrt(3 * size)), parts[1:]])
        return divided.transpose(1, 0, 2, 3).reshape(value.shape)

    return arranged(weight), arranged(bias)


def _transposed(graph: GraphBuilder, x: str) -> str:
    """The last two axes exchanged; ONNX Runtime makes it part of the product that follows."""
    return graph.node("Transpose", x, perm=[0, 1, 2, 4, 3])
