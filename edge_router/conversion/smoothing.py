"""SmoothQuant (Xiao et al. 2023): moves outliers from the activations, which have one scale for a whole tensor, into
the weights, which have one scale for each output."""

from collections.abc import Mapping
from typing import TypeAlias

import numpy as np

from edge_router.conversion.graph import GraphBuilder, Linear
from edge_router.tensors import Array

STRENGTH = 0.5
"""The paper's alpha: half of the range moves into the weights."""

Peaks: TypeAlias = Mapping[str, Array]
"""The largest magnitude of each input over the calibration prompts, FP32 [in], by linear layer."""


def factors(peak: Array, weight: Array) -> Array:
    """FP32 [in]: the factor that each input is divided by and its weights are multiplied with; 1 if an input or its
    weights are all 0."""
    own = np.abs(weight).max(axis=0)
    found = np.where((peak > 0) & (own > 0), peak**STRENGTH / np.where(own > 0, own, 1) ** (1 - STRENGTH), 1)
    return found.astype(np.float32)


def smoothed(linear: Linear, peaks: Peaks) -> Linear:
    """A linear layer with the same result as `linear`: inputs divided by the factors, weights multiplied with them."""

    def apply(graph: GraphBuilder, name: str, x: str, weight: Array, bias: Array) -> str:
        factor = factors(peaks[name], weight)
        divided = graph.node("Mul", x, graph.weight(f"{name}.smoothing", 1 / factor))
        return linear(graph, name, divided, weight * factor, bias)

    return apply


def observed(linear: Linear) -> Linear:
    """A linear layer like `linear` that adds the peaks of its inputs to the network's outputs, as NAME.peak."""

    def apply(graph: GraphBuilder, name: str, x: str, weight: Array, bias: Array) -> str:
        graph.node("ReduceMax", graph.node("Abs", x), name=f"{name}.peak", axes=[0, 1], keepdims=0)
        graph.output(f"{name}.peak", [weight.shape[1]])
        return linear(graph, name, x, weight, bias)

    return apply
