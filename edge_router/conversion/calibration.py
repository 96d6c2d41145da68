"""What prompts put on the linear layers of a network."""

import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from rich.progress import Progress

from edge_router.contract import NETWORK_FILE
from edge_router.conversion.formats import FP32, Network, write
from edge_router.conversion.smoothing import Peaks, observed
from edge_router.engines import EngineSettings
from edge_router.engines.onnx import IDS, MASK, open_session
from edge_router.tensors import Array

PEAK = ".peak"


def peaks(network: Network, prompts: Sequence[Array], scratch: Path, progress: Progress) -> Peaks:
    """The largest magnitude of every input over `prompts`, INT64 [tokens] each, in the exact network. `scratch`: a
    folder that may hold that network for as long as this takes."""
    form = replace(FP32, numbers=replace(FP32.numbers, linear=observed(FP32.numbers.linear)))
    found: dict[str, Array] = {}
    with tempfile.TemporaryDirectory(dir=scratch) as folder:
        write(form, network, Path(folder))
        session = open_session(Path(folder) / NETWORK_FILE, EngineSettings())
        names = [output.name for output in session.get_outputs() if output.name.endswith(PEAK)]
        for ids in progress.track(prompts, description="calibrating"):
            row = ids[np.newaxis]
            values = session.run(names, {IDS: row, MASK: np.ones_like(row)})
            for name, value in zip(names, values, strict=True):
                found[name] = np.maximum(found.get(name, 0), value)
        del session  # it maps files of the folder
    return {name.removesuffix(PEAK): value for name, value in found.items()}
