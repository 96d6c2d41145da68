#!/usr/bin/env python
"""Writes a checkpoint with random weights in the exact layout of NVIDIA's prompt-task-and-complexity-classifier.

    scripts/make_checkpoint.py FOLDER [--size base] [--outliers RATIO] [--seed N]

Tests and benchmarks use it, because the published weights cannot be downloaded everywhere. The weights are seeded, and
the tokenizer is trained on the prompts of training/data.
"""

import argparse
import gzip
import io
import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import sentencepiece
from numpy.typing import NDArray
from safetensors.numpy import save_file

Array: TypeAlias = NDArray[Any]

PROMPTS = Path(__file__).parent.parent / "training/data/router_prompts_dev.jsonl.gz"
SPECIAL: dict[str, Any] = {
    "pad_id": 0,
    "pad_piece": "[PAD]",
    "bos_id": 1,
    "bos_piece": "[CLS]",
    "eos_id": 2,
    "eos_piece": "[SEP]",
    "unk_id": 3,
    "unk_piece": "[UNK]",
}
SPARE_WORDS = 100
"""Rows of the embedding after the pieces, as in the published network; the first one is [MASK]."""
BUCKETS = 256
OUTLIER_CHANNELS, OUTLIER_UNITS = 6, 8

CONFIG: dict[str, Any] = {
    "base_model": "microsoft/DeBERTa-v3-base",
    "target_sizes": {
        "task_type": 12,
        "creativity_scope": 3,
        "reasoning": 2,
        "contextual_knowledge": 2,
        "number_of_few_shots": 6,
        "domain_knowledge": 4,
        "no_label_reason": 1,
        "constraint_ct": 2,
    },
    "task_type_map": {
        "0": "Brainstorming",
        "1": "Chatbot",
        "2": "Classification",
        "3": "Closed QA",
        "4": "Code Generation",
        "5": "Extraction",
        "6": "Open QA",
        "7": "Other",
        "8": "Rewrite",
        "9": "Summarization",
        "10": "Text Generation",
        "11": "Unknown",
    },
    "weights_map": {
        "creativity_scope": [2, 1, 0],
        "reasoning": [0, 1],
        "contextual_knowledge": [0, 1],
        "number_of_few_shots": [0, 1, 2, 3, 4, 5],
        "domain_knowledge": [3, 1, 2, 0],
        "no_label_reason": [0],
        "constraint_ct": [1, 0],
    },
    "divisor_map": {
        "creativity_scope": 2,
        "reasoning": 1,
        "contextual_knowledge": 1,
        "number_of_few_shots": 1,
        "domain_knowledge": 3,
        "no_label_reason": 1,
        "constraint_ct": 1,
    },
}


@dataclass(frozen=True)
class Size:
    """Dimensions of a network."""

    layers: int
    width: int
    inner: int
    pieces: int
    words: int | None = None
    """Rows of the embedding; None = the pieces and SPARE_WORDS."""
    scale: float = 0.02
    """Standard deviation of the weights."""


SIZES = {
    "tiny": Size(layers=2, width=128, inner=256, pieces=1000, scale=0.08),
    "base": Size(layers=12, width=768, inner=3072, pieces=8000, words=128100, scale=0.03),
}


def make(folder: Path, size: Size = SIZES["tiny"], *, outliers: float = 1, seed: int = 0) -> None:
    """Writes the checkpoint. `outliers`: ratio of a few channels to the others, as in trained networks; 1 = no
    outliers."""
    folder.mkdir(parents=True, exist_ok=True)
    model = spm(size.pieces)
    (folder / "spm.model").write_bytes(model)
    (folder / "config.json").write_text(json.dumps(CONFIG, indent=2) + "\n")
    pieces = sentencepiece.SentencePieceProcessor(model_proto=model).get_piece_size()
    tensors = weights(size, size.words or pieces + SPARE_WORDS, np.random.default_rng(seed))
    if outliers != 1:
        add_outliers(tensors, size, outliers, np.random.default_rng(seed))
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    # safetensors makes the file readable for its owner only, but a container has another user.
    (folder / "model.safetensors").chmod(0o644)


def spm(pieces: int) -> bytes:
    """Trains a SentencePiece unigram model with the special tokens of DeBERTa-v3."""
    written = io.BytesIO()
    with gzip.open(PROMPTS, "rt") as rows:
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=(json.loads(row)["prompt"] for row in rows),
            model_writer=written,
            vocab_size=pieces,
            model_type="unigram",
            hard_vocab_limit=False,
            num_threads=1,
            minloglevel=2,
            **SPECIAL,
        )
    return written.getvalue()


def weights(size: Size, words: int, chance: np.random.Generator) -> dict[str, Array]:
    """Random FP32 weights by their published names."""

    def normal(*shape: int) -> Array:
        return chance.standard_normal(shape, dtype=np.float32) * np.float32(size.scale)

    found = {
        "backbone.embeddings.word_embeddings.weight": normal(words, size.width),
        "backbone.encoder.rel_embeddings.weight": normal(2 * BUCKETS, size.width),
    }
    norms = ["backbone.embeddings.LayerNorm", "backbone.encoder.LayerNorm"]
    for number in range(size.layers):
        layer = f"backbone.encoder.layer.{number}"
        for name, outputs, inputs in (
            ("attention.self.query_proj", size.width, size.width),
            ("attention.self.key_proj", size.width, size.width),
            ("attention.self.value_proj", size.width, size.width),
            ("attention.output.dense", size.width, size.width),
            ("intermediate.dense", size.inner, size.width),
            ("output.dense", size.width, size.inner),
        ):
            found[f"{layer}.{name}.weight"] = normal(outputs, inputs)
            found[f"{layer}.{name}.bias"] = normal(outputs)
        norms += [f"{layer}.attention.output.LayerNorm", f"{layer}.output.LayerNorm"]
    for norm in norms:
        found |= {f"{norm}.weight": 1 + normal(size.width), f"{norm}.bias": normal(size.width)}
    for number, logits in enumerate(CONFIG["target_sizes"].values()):
        found |= {f"head_{number}.fc.weight": normal(logits, size.width), f"head_{number}.fc.bias": normal(logits)}
    return found


def add_outliers(tensors: dict[str, Array], size: Size, ratio: float, chance: np.random.Generator) -> None:
    """Scales a few output channels of every layer norm and a few units inside the feed-forward steps by `ratio`, and
    the weights that read them by its inverse."""
    channels = chance.choice(size.width, OUTLIER_CHANNELS, replace=False)
    # The next layer norm divides by a standard deviation that the outliers dominate.
    deviation = math.sqrt(1 + OUTLIER_CHANNELS * (ratio**2 - 1) / size.width)
    for name in (name for name in tensors if ".layer." in name and name.endswith("LayerNorm.weight")):
        tensors[name] *= np.float32(deviation)
    for name in ("weight", "bias"):
        tensors[f"backbone.embeddings.LayerNorm.{name}"][channels] *= ratio
    readers = ("query_proj.weight", "key_proj.weight", "value_proj.weight", "intermediate.dense.weight", "fc.weight")
    for name in (name for name in tensors if name.endswith(readers)):
        tensors[name][:, channels] /= ratio
    tensors["backbone.encoder.LayerNorm.weight"][channels] *= ratio
    tensors["backbone.encoder.LayerNorm.bias"][channels] *= ratio
    for number in range(size.layers):
        layer = f"backbone.encoder.layer.{number}"
        units = chance.choice(size.inner, OUTLIER_UNITS, replace=False)
        tensors[f"{layer}.intermediate.dense.weight"][units] *= ratio
        tensors[f"{layer}.intermediate.dense.bias"][units] *= ratio
        tensors[f"{layer}.output.dense.weight"][:, units] /= ratio


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--size", choices=sorted(SIZES), default="tiny")
    parser.add_argument("--outliers", type=float, default=1, metavar="RATIO")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    make(arguments.folder, SIZES[arguments.size], outliers=arguments.outliers, seed=arguments.seed)


if __name__ == "__main__":
    main()
