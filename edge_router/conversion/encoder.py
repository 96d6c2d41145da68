"""What an encoder is, said by the shapes of its tensors, and by config.json where shapes cannot say it."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self, TypeAlias

from edge_router.conversion.errors import CheckpointError
from edge_router.tensors import Array

Weights: TypeAlias = Mapping[str, Array]
"""FP32, by the names of a Hugging Face model behind `encoder.`, and `head.weight`, `head.bias`; weights are [out,
in]."""

Shape: TypeAlias = tuple[int, ...]
Config: TypeAlias = Mapping[str, Any]

DEBERTA = "deberta-v2"
BERT = "bert"
HEAD_SIZE = 64
"""Width of an attention head in every published DeBERTa-v3 and BERT, where config.json does not say how many heads."""
POSITIONS = 512
"""How far a DeBERTa-v3 looks, where config.json does not say."""

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
"""What config.json may say, where it speaks of it at all; another encoder would be computed wrongly."""


@dataclass(frozen=True)
class Encoder:
    architecture: str
    """"deberta-v2" or "bert"."""
    layers: int
    width: int
    attention_heads: int
    epsilon: float
    """Of the layer norms."""
    position_buckets: int
    """DeBERTa alone: distances up to half of it have a row each, farther ones share rows; else 0."""
    max_positions: int
    """Tokens that the encoder can place."""

    @classmethod
    def of(cls, shapes: Mapping[str, Shape], config: Config) -> Self:
        """`shapes`: by Hugging Face's names, nothing in front. Raises CheckpointError with what does not fit."""
        architecture = _architecture(shapes)
        for key, known in FACTS[architecture].items():
            if key in config and config[key] not in known:
                raise CheckpointError(f"config.json: {key} is {config[key]!r}; only {known[0]!r} can be converted")
        width = shapes["embeddings.word_embeddings.weight"][-1]
        heads = _whole(config, "num_attention_heads", width // HEAD_SIZE)
        if heads < 1 or width % heads:
            raise CheckpointError(f"config.json: {heads} num_attention_heads do not divide a width of {width}")
        layers = 1 + max((int(found[1]) for name in shapes if (found := LAYER.match(name))), default=-1)
        buckets, positions = _positions(architecture, shapes, config)
        epsilon = float(config.get("layer_norm_eps", 1e-7 if architecture == DEBERTA else 1e-12))
        encoder = cls(architecture, layers, width, heads, epsilon, buckets, positions)
        encoder._check(shapes)
        return encoder

    def shapes(self, words: int, inner: int, token_types: int) -> dict[str, Shape]:
        """Every tensor of this encoder; `words` and `token_types` are rows of embeddings, `inner` is the width between
        a layer's two feed-forward steps."""
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
        wanted = self.shapes(words, inner, types)
        if missing := sorted(set(wanted) - set(shapes)):
            raise CheckpointError(
                f"tensor {missing[0]} is missing ({len(missing)} in all); the checkpoint is not whole"
            )
        if stray := sorted(set(shapes) - set(wanted)):
            raise CheckpointError(
                f"tensor {stray[0]} is none of a {self.architecture} that can be converted ({len(stray)} such tensors)"
            )
        for name, shape in wanted.items():
            if shapes[name] != shape:
                raise CheckpointError(f"tensor {name} has shape {list(shapes[name])}; the others make it {list(shape)}")


LAYER = re.compile(r"encoder\.layer\.(\d+)\.")
UNUSED = re.compile(r"pooler\.|embeddings\.position_ids$")
"""Tensors that no hidden state depends on."""
PROJECTIONS: Mapping[str, tuple[str, str, str]] = {
    DEBERTA: ("query_proj", "key_proj", "value_proj"),
    BERT: ("query", "key", "value"),
}


def _architecture(shapes: Mapping[str, Shape]) -> str:
    words = shapes.get("embeddings.word_embeddings.weight", ())
    if len(words) == 2:
        if "encoder.rel_embeddings.weight" in shapes and "encoder.LayerNorm.weight" in shapes:
            return DEBERTA
        # RoBERTa has the same names and one token type, and counts its positions from 2.
        if "encoder.layer.0.attention.self.query.weight" in shapes:
            types = shapes.get("embeddings.token_type_embeddings.weight", (0, 0))
            if types[0] >= 2 and len(shapes.get("embeddings.position_embeddings.weight", ())) == 2:
                return BERT
    raise CheckpointError(
        "the architecture of these tensors is unknown; a DeBERTa-v3 (with encoder.rel_embeddings and "
        "encoder.LayerNorm) or a BERT can be converted"
    )


def _positions(architecture: str, shapes: Mapping[str, Shape], config: Config) -> tuple[int, int]:
    """(buckets, tokens)."""
    if architecture == BERT:
        return 0, shapes["embeddings.position_embeddings.weight"][0]
    rows = shapes["encoder.rel_embeddings.weight"][0]
    buckets = _whole(config, "position_buckets", rows // 2)
    if buckets < 2 or 2 * buckets != rows:
        raise CheckpointError(
            f"config.json: position_buckets is {buckets}; encoder.rel_embeddings.weight with {rows} rows makes it "
            f"{rows // 2}"
        )
    positions = _whole(config, "max_relative_positions", POSITIONS)
    return buckets, positions if positions > 0 else _whole(config, "max_position_embeddings", POSITIONS)


def _whole(config: Config, key: str, default: int) -> int:
    value = config.get(key, default)
    if not isinstance(value, int):
        raise CheckpointError(f"config.json: {key} is {value!r}; a whole number is needed")
    return value
