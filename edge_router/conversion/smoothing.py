"""SmoothQuant (Xiao et al. 2023): what makes a channel hard to quantise moves from the activations, which are scaled a
whole tensor at once, into the weights, which have one scale an output."""

from collections.abc import Mapping
from typing import TypeAlias

import numpy as np

from edge_router.conversion.graph import GraphBuilder, Linear
from edge_router.tensors import Array

STRENGTH = 0.5
"""The paper's alpha: half of the difficulty moves."""

Peaks: TypeAlias = Mapping[str, Array]
"""Linear layer -> FP32 [in]: the largest magnitude that calibration prompts put on each of its inputs."""


def factors(peak: Array, weight: Array) -> Array:
    """FP32 [in], what each input is divided by and its weights multiplied with; 1 where an input or its weights are
    nothing."""
    own = np.abs(weight).max(axis=0)
    found = np.where((peak > 0) & (own > 0), peak**STRENGTH / np.where(own > 0, own, 1) ** (1 - STRENGTH), 1)
    return found.astype(np.float32)


def smoothed(linear: Linear, peaks: Peaks) -> Linear:
    """`linear` with its input divided by the factors and its weights multiplied with them: the same product."""

    def apply(graph: GraphBuilder, name: str, x: str, weight: Array, bias: Array) -> str:
        factor = factors(peaks[name], weight)
        divided = graph.node("Mul", x, graph.weight(f"{name}.smoothing", 1 / factor))
        return linear(graph, name, divided, weight * factor, bias)

    return apply


def observed(linear: Linear) -> Linear:
    """`linear`, with the peak of each of its inputs as one more output of the network, called NAME.peak."""

    def apply(graph: GraphBuilder, name: str, x: str, weight: Array, bias: Array) -> str:
        graph.node("ReduceMax", graph.node("Abs", x), name=f"{name}.peak", axes=[0, 1], keepdims=0)
        graph.output(f"{name}.peak", [weight.shape[1]])
        return linear(graph, name, x, weight, bias)

    return apply
