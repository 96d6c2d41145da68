"""The architecture and dimensions of an encoder, from the shapes of its tensors and from config.json."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self, TypeAlias

from edge_router.conversion.errors import CheckpointError
from edge_router.tensors import Array

Weights: TypeAlias = Mapping[str, Array]
"""FP32 weights [out, in] by name: `encoder.` and the name in a Hugging Face model, and `head.weight`, `head.bias`."""

Shape: TypeAlias = tuple[int, ...]
Config: TypeAlias = Mapping[str, Any]

DEBERTA = "deberta-v2"
BERT = "bert"
HEAD_SIZE = 64
"""Width of an attention head in every published DeBERTa-v3 and BERT; used if config.json has no number of heads."""
POSITIONS = 512
"""Maximum distance of tokens in a DeBERTa-v3; used if config.json has none."""

FACTS: Mapping[str, Mapping[str, tuple[Any, ...]]] = {
    DEBERTA: {
        "model_type": (DEBERTA,),
        "hidden_act": ("gelu",),
        "relative_attention": (True,),
        "share_att_key": (True,),
        "norm_rel_ebd": ("layer_norm",),
        "pos_att_type": ("p2c|c2p", "c2p|p2c", ["p2c", "c2p"], ["c2p", "p2c"]),
        "position_biased_input": (False,),
    },
    BERT: {
        "model_type": (BERT,),
        "hidden_act": ("gelu",),
        "position_embedding_type": ("absolute",),
    },
}
"""The supported values of keys in config.json; an encoder with other values would be computed wrongly."""


@dataclass(frozen=True)
class Encoder:
    """Architecture and dimensions of an encoder."""

    architecture: str
    """"deberta-v2" or "bert"."""
    layers: int
    width: int
    attention_heads: int
    epsilon: float
    """The layer norms' epsilon."""
    position_buckets: int
    """DeBERTa only, else 0: distances up to half of this have a row each, farther ones share rows."""
    max_positions: int
    """Maximum number of tokens."""

    @classmethod
    def of(cls, shapes: Mapping[str, Shape], config: Config) -> Self:
        """`shapes`: by the names in a Hugging Face encoder, without a prefix. Raises CheckpointError."""
        architecture = _architecture(shapes)
        for key, known in FACTS[architecture].items():
            if key in config and config[key] not in known:
                raise CheckpointError(f"config.json: {key} is {config[key]!r}; only {known[0]!r} is supported")
        width = shapes["embeddings.word_embeddings.weight"][-1]
        heads = _whole(config, "num_attention_heads", width // HEAD_SIZE)
        if heads < 1 or width % heads:
            raise CheckpointError(f"config.json: num_attention_heads is {heads}; it must divide the width {width}")
        layers = 1 + max((int(found[1]) for name in shapes if (found := LAYER.match(name))), default=-1)
        buckets, positions = _positions(architecture, shapes, config)
        epsilon = float(config.get("layer_norm_eps", 1e-7 if architecture == DEBERTA else 1e-12))
        encoder = cls(architecture, layers, width, heads, epsilon, buckets, positions)
        encoder._check(shapes)
        return encoder

    def shapes(self, words: int, inner: int, token_types: int) -> dict[str, Shape]:
        """The shapes of all tensors of this encoder. `words`, `token_types`: rows of the embeddings; `inner`: width
        between a layer's two feed-forward steps."""
        width = self.width
        found: dict[str, Shape] = {"embeddings.word_embeddings.weight": (words, width)}
        norms = ["embeddings.LayerNorm"]
        if self.architecture == DEBERTA:
            found["encoder.rel_embeddings.weight"] = (2 * self.position_buckets, width)
            norms.append("encoder.LayerNorm")
        else:
            found["embeddings.position_embeddings.weight"] = (self.max_positions, width)
            found["embeddings.token_type_embeddings.weight"] = (token_types, width)
        for number in range(self.layers):
            layer = f"encoder.layer.{number}"
            linears = {f"attention.self.{part}": (width, width) for part in PROJECTIONS[self.architecture]} | {
                "attention.output.dense": (width, width),
                "intermediate.dense": (inner, width),
                "output.dense": (width, inner),
            }
            for name, shape in linears.items():
                found |= {f"{layer}.{name}.weight": shape, f"{layer}.{name}.bias": shape[:1]}
            norms += [f"{layer}.attention.output.LayerNorm", f"{layer}.output.LayerNorm"]
        for name in norms:
            found |= {f"{name}.weight": (width,), f"{name}.bias": (width,)}
        return found

    def _check(self, shapes: Mapping[str, Shape]) -> None:
        words = shapes["embeddings.word_embeddings.weight"][0]
        inner = shapes.get("encoder.layer.0.intermediate.dense.weight", (0,))[0]
        types = shapes.get("embeddings.token_type_embeddings.weight", (0,))[0]
        expected = self.shapes(words, inner, types)
        if missing := sorted(set(expected) - set(shapes)):
            raise CheckpointError(
                f"the checkpoint is incomplete: tensor {missing[0]} is missing ({len(missing)} missing in all)"
            )
        if stray := sorted(set(shapes) - set(expected)):
            raise CheckpointError(
                f"tensor {stray[0]} does not belong to a supported {self.architecture} ({len(stray)} such tensors)"
            )
        for name, shape in expected.items():
            if shapes[name] != shape:
                raise CheckpointError(
                    f"tensor {name} has shape {list(shapes[name])}; by the other tensors it must be {list(shape)}"
                )


LAYER = re.compile(r"encoder\.layer\.(\d+)\.")
UNUSED = re.compile(r"pooler\.|embeddings\.position_ids$")
"""Tensors that do not affect the hidden states."""
PROJECTIONS: Mapping[str, tuple[str, str, str]] = {
    DEBERTA: ("query_proj", "key_proj", "value_proj"),
    BERT: ("query", "key", "value"),
}


def _architecture(shapes: Mapping[str, Shape]) -> str:
    words = shapes.get("embeddings.word_embeddings.weight", ())
    if len(words) == 2:
        if "encoder.rel_embeddings.weight" in shapes and "encoder.LayerNorm.weight" in shapes:
            return DEBERTA
        # RoBERTa has the same names, but one token type and positions that start at 2.
        if "encoder.layer.0.attention.self.query.weight" in shapes:
            types = shapes.get("embeddings.token_type_embeddings.weight", (0, 0))
            if types[0] >= 2 and len(shapes.get("embeddings.position_embeddings.weight", ())) == 2:
                return BERT
    raise CheckpointError(
        "unknown architecture; convert a DeBERTa-v3 (with encoder.rel_embeddings and encoder.LayerNorm) or a BERT"
    )


def _positions(architecture: str, shapes: Mapping[str, Shape], config: Config) -> tuple[int, int]:
    """Returns (position buckets, maximum number of tokens)."""
    if architecture == BERT:
        return 0, shapes["embeddings.position_embeddings.weight"][0]
    rows = shapes["encoder.rel_embeddings.weight"][0]
    buckets = _whole(config, "position_buckets", rows // 2)
    if buckets < 2 or 2 * buckets != rows:
        raise CheckpointError(
            f"config.json: position_buckets is {buckets}; encoder.rel_embeddings.weight has {rows} rows, so it must be "
            f"{rows // 2}"
        )
    positions = _whole(config, "max_relative_positions", POSITIONS)
    return buckets, positions if positions > 0 else _whole(config, "max_position_embeddings", POSITIONS)


def _whole(config: Config, key: str, default: int) -> int:
    value = config.get(key, default)
    if not isinstance(value, int):
        raise CheckpointError(f"config.json: {key} is {value!r}; it must be a whole number")
    return value
