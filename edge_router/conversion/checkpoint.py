"""Reads and checks a classifier's checkpoint in the Hugging Face layout, and gives its tensors uniform names.

config.json         target_sizes, task_type_map, weights_map, divisor_map; optionally the encoder's dimensions
model.safetensors   backbone.* (or deberta.*, bert.*) and head_0.fc.weight, head_0.fc.bias, ... as target_sizes
                    lists them; or several files with model.safetensors.index.json
spm.model           or tokenizer.json
"""

import itertools
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np

from edge_router.contract import SENTENCEPIECE_FILE, TOKENIZER_FILE
from edge_router.conversion import rules
from edge_router.conversion.checkpoint_tensors import CheckpointTensors
from edge_router.conversion.encoder import POSITIONS, UNUSED, Config, Encoder, Weights
from edge_router.conversion.errors import CheckpointError
from edge_router.stages.decide import Head
from edge_router.tensors import Array

__all__ = ["Checkpoint", "CheckpointError", "Encoder"]

CONFIG_FILE = "config.json"
PREFIXES = ("backbone.", "deberta.", "bert.")
TOKENIZER_FILES = (SENTENCEPIECE_FILE, TOKENIZER_FILE)
"""Tokenizers in order of preference: SentencePiece needs a quarter of the memory."""


@dataclass(frozen=True)
class Checkpoint:
    """A classifier: encoder, heads, decision rules and tokenizer."""

    folder: Path
    encoder: Encoder
    weights: Weights
    """Read from the files on access."""
    heads: Sequence[Head]
    rules: Mapping[str, Mapping[str, Any]]
    """The contents of decision.json, by policy."""
    tokenizer: Path
    max_tokens: int

    @classmethod
    def read(cls, folder: Path) -> Self:
        """Reads the checkpoint in `folder`. Raises CheckpointError."""
        config = _config(folder / CONFIG_FILE)
        tokenizer = next((folder / name for name in TOKENIZER_FILES if (folder / name).is_file()), None)
        tensors = CheckpointTensors.read(folder)
        if tokenizer is None:
            raise CheckpointError(f"{folder}: holds no tokenizer; add {' or '.join(TOKENIZER_FILES)}")
        try:
            names = _encoder_names(tensors)
            encoder = Encoder.of({short: tensors.shape(name) for short, name in names.items()}, config)
            heads = rules.heads(config)
            decisions = rules.rules(config, heads)
            sources = {f"encoder.{short}": [name] for short, name in names.items()} | _head_names(
                tensors, heads, encoder.width
            )
        except CheckpointError as error:
            raise CheckpointError(f"{folder}: {error}") from error
        _check_finite(tensors, itertools.chain(*sources.values()))
        weights = _RenamedTensors(tensors, sources)
        max_tokens = min(encoder.max_positions, POSITIONS)
        return cls(folder, encoder, weights, heads, decisions, tokenizer, max_tokens)


class _RenamedTensors(Mapping[str, Array]):
    """A checkpoint's tensors under uniform names, with all heads in one matrix."""

    def __init__(self, tensors: CheckpointTensors, sources: Mapping[str, Sequence[str]]) -> None:
        """`sources`: uniform name -> the checkpoint's tensors, which are concatenated."""
        self._tensors = tensors
        self._sources = sources

    def __getitem__(self, name: str) -> Array:
        parts = [self._tensors[source] for source in self._sources[name]]
        return parts[0] if len(parts) == 1 else np.concatenate(parts)

    def __iter__(self) -> Iterator[str]:
        return iter(self._sources)

    def __len__(self) -> int:
        return len(self._sources)


def _config(file: Path) -> Config:
    try:
        config: Config = json.loads(file.read_text())
    except FileNotFoundError:
        raise CheckpointError(
            f"{file.parent}: holds no {file.name}; name a folder in the Hugging Face layout"
        ) from None
    except (OSError, ValueError) as error:
        raise CheckpointError(f"{file}: cannot be read as JSON: {error}") from error
    if not isinstance(config, dict):
        raise CheckpointError(f"{file}: is not a JSON object")
    return config


def _encoder_names(tensors: CheckpointTensors) -> dict[str, str]:
    """The checkpoint's names of the encoder's tensors, by their names in a Hugging Face encoder."""
    for prefix in PREFIXES:
        names = {name.removeprefix(prefix): name for name in tensors if name.startswith(prefix)}
        if names:
            return {short: name for short, name in names.items() if not UNUSED.match(short)}
    raise CheckpointError(f"the encoder is missing: no tensor's name starts with {', '.join(PREFIXES)}")


def _head_names(tensors: CheckpointTensors, heads: Sequence[Head], width: int) -> dict[str, list[str]]:
    names = [f"head_{number}.fc" for number in range(len(heads))]
    for name, head in zip(names, heads, strict=True):
        for tensor, shape in ((f"{name}.weight", (head.size, width)), (f"{name}.bias", (head.size,))):
            actual = tensors.shape(tensor) if tensor in tensors else None
            if actual != shape:
                raise CheckpointError(
                    f"tensor {tensor} {f'has shape {list(actual)}' if actual else 'is missing'}; head {head.name!r} in "
                    f"target_sizes of config.json and the encoder need {list(shape)}"
                )
    if f"head_{len(heads)}.fc.weight" in tensors:
        raise CheckpointError(f"tensor head_{len(heads)}.fc.weight has no entry in target_sizes of config.json")
    return {f"head.{part}": [f"{name}.{part}" for name in names] for part in ("weight", "bias")}


def _check_finite(tensors: CheckpointTensors, names: Iterable[str]) -> None:
    for name in names:
        if not tensors.is_float(name) or not np.isfinite(tensors[name]).all():
            raise CheckpointError(f"{tensors.file(name)}: tensor {name} has values that are not finite floats")
