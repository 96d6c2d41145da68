"""The number formats of a network, from the smallest one to fp32.

Every format is the same graph with its weights stored in another way. `format_selection` measures which of them suits a
checkpoint.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from edge_router.contract import NETWORK_FILE
from edge_router.conversion import bert, deberta
from edge_router.conversion.encoder import BERT, DEBERTA, Encoder, Weights
from edge_router.conversion.graph import (
    GraphBuilder,
    WeightFormat,
    block_linear,
    float_embedding,
    float_linear,
    half_embedding,
    int8_embedding,
    int8_linear,
    write_graph,
)
from edge_router.conversion.smoothing import Peaks, smoothed
from edge_router.conversion.transformer import logits

ENCODERS: Mapping[str, Callable[[GraphBuilder, Encoder, Weights, WeightFormat], str]] = {
    DEBERTA: deberta.encode,
    BERT: bert.encode,
}


class NetworkSource(Protocol):
    """An encoder and its weights; a Checkpoint is one."""

    @property
    def encoder(self) -> Encoder: ...

    @property
    def weights(self) -> Weights: ...


@dataclass(frozen=True)
class Format:
    """A number format of a network."""

    name: str
    weight_format: WeightFormat
    precision: type[np.floating[Any]] = np.float32
    smooth: bool = False
    """True if it needs the peaks of calibration prompts."""
    file: str = NETWORK_FILE
    masked: bool = True
    """True if the network takes a mask, so that rows may be padded. BERT's attention is faster without one."""


INT8 = Format("int8", WeightFormat(int8_linear, int8_embedding, positions=np.float16), smooth=True)
"""One scale for a whole activation tensor: without smoothing, a few large channels take the precision of the others."""
INT8_BLOCKS = Format("int8-blocks", WeightFormat(block_linear, int8_embedding, positions=np.float16))
FP16_WORDS = Format("fp16-words", WeightFormat(float_linear, half_embedding, positions=np.float16))
FP32 = Format("fp32", WeightFormat(float_linear, float_embedding))
FP16 = Format(
    "fp16",
    WeightFormat(float_linear, half_embedding, positions=np.float16),
    precision=np.float16,
    file="model.fp16.onnx",
)
"""The format for GPUs."""

CANDIDATES = (INT8, INT8_BLOCKS, FP16_WORDS, FP32)
"""The formats for CPUs, smallest and fastest first; fp32 is the reference of the others."""
FORMATS: Mapping[str, Format] = {each.name: each for each in (*CANDIDATES, FP16)}


def write(number_format: Format, network: NetworkSource, folder: Path, peaks: Peaks | None = None) -> None:
    """Writes the network into `folder`. `peaks`: of calibration prompts; without them the network is not smoothed."""
    weight_format = number_format.weight_format
    if number_format.smooth and peaks is not None:
        weight_format = replace(weight_format, linear=smoothed(weight_format.linear, peaks))
    file = folder / number_format.file
    with write_graph(file, number_format.precision, masked=number_format.masked) as graph:
        hidden = ENCODERS[network.encoder.architecture](graph, network.encoder, network.weights, weight_format)
        logits(graph, network.weights, hidden)
