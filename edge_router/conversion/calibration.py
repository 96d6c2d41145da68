"""Calibration: measures the peak inputs of a network's linear layers on prompts."""

import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from rich.progress import Progress

from edge_router.contract import NETWORK_FILE
from edge_router.conversion.formats import FP32, NetworkSource, write
from edge_router.conversion.smoothing import Peaks, observed
from edge_router.engines import EngineSettings
from edge_router.engines.onnx import IDS, MASK, open_session
from edge_router.tensors import Array

PEAK = ".peak"
"""Suffix of an output that holds the peaks of a layer."""


def peaks(network: NetworkSource, prompts: Sequence[Array], scratch: Path, progress: Progress) -> Peaks:
    """The largest magnitude of every layer's inputs over `prompts`, INT64 [tokens] each, in the fp32 network.

    `scratch`: a folder with space for that network while this runs.
    """
    observing = replace(FP32, weight_format=replace(FP32.weight_format, linear=observed(FP32.weight_format.linear)))
    largest: dict[str, Array] = {}
    with tempfile.TemporaryDirectory(dir=scratch) as folder:
        write(observing, network, Path(folder))
        session = open_session(Path(folder) / NETWORK_FILE, EngineSettings())
        names = [output.name for output in session.get_outputs() if output.name.endswith(PEAK)]
        for ids in progress.track(prompts, description="calibrating"):
            row = ids[np.newaxis]
            values = session.run(names, {IDS: row, MASK: np.ones_like(row)})
            for name, value in zip(names, values, strict=True):
                largest[name] = np.maximum(largest.get(name, 0), value)
        del session  # it maps files of the folder
    return {name.removesuffix(PEAK): value for name, value in largest.items()}
