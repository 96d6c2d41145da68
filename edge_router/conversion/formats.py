"""The forms in which a network can be kept, from the smallest to the exact one.

Every form is the same graph with other numbers. `format_selection` measures which of them a checkpoint bears.
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
    Numbers,
    block_linear,
    float_embedding,
    float_linear,
    half_embedding,
    int8_embedding,
    int8_linear,
    written,
)
from edge_router.conversion.smoothing import Peaks, smoothed
from edge_router.conversion.transformer import logits

ENCODERS: Mapping[str, Callable[[GraphBuilder, Encoder, Weights, Numbers], str]] = {
    DEBERTA: deberta.encode,
    BERT: bert.encode,
}


class Network(Protocol):
    """What a graph is made of; a Checkpoint is one."""

    @property
    def encoder(self) -> Encoder: ...

    @property
    def weights(self) -> Weights: ...


@dataclass(frozen=True)
class Format:
    name: str
    numbers: Numbers
    precision: type[np.floating[Any]] = np.float32
    smooth: bool = False
    """Whether it needs the peaks of calibration prompts."""
    file: str = NETWORK_FILE
    masked: bool = True
    """Whether it takes a mask, and so rows that are padded; BERT's attention is faster without."""


INT8 = Format("int8", Numbers(int8_linear, int8_embedding, places=np.float16), smooth=True)
"""Activations are scaled a whole tensor at once: a few large channels leave nothing for the others, unless smoothed."""
INT8_BLOCKS = Format("int8-blocks", Numbers(block_linear, int8_embedding, places=np.float16))
FP16_WORDS = Format("fp16-words", Numbers(float_linear, half_embedding, places=np.float16))
FP32 = Format("fp32", Numbers(float_linear, float_embedding))
FP16 = Format(
    "fp16", Numbers(float_linear, half_embedding, places=np.float16), precision=np.float16, file="model.fp16.onnx"
)
"""For GPUs."""

LADDER = (INT8, INT8_BLOCKS, FP16_WORDS, FP32)
"""For processors, the smallest and fastest first; the last one is what the others are measured against."""
FORMATS: Mapping[str, Format] = {found.name: found for found in (*LADDER, FP16)}


def write(form: Format, network: Network, folder: Path, peaks: Peaks | None = None) -> None:
    """`form.file` with its weights beside it. `peaks`: of the calibration prompts, for a form that is smoothed; without
    them it is written unsmoothed."""
    numbers = form.numbers
    if form.smooth and peaks is not None:
        numbers = replace(numbers, linear=smoothed(numbers.linear, peaks))
    with written(folder / form.file, form.precision, masked=form.masked) as graph:
        hidden = ENCODERS[network.encoder.architecture](graph, network.encoder, network.weights, numbers)
        logits(graph, network.weights, hidden)
