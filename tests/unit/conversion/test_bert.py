"""The graph of BERT, compared with the same network in plain numpy, as described by Devlin et al. 2018."""

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest

from edge_router.contract import NETWORK_FILE
from edge_router.conversion.encoder import BERT, Encoder, Weights
from edge_router.conversion.formats import FP32, INT8, Format, write
from edge_router.engines import EngineSettings
from edge_router.engines.onnx import OnnxEngine
from edge_router.tensors import Array
from tests.support.encoders import checkpoint

WORDS, PLACES, WIDTH, INNER, LAYERS, HEADS, LOGITS = 50, 16, 24, 48, 2, 3, 5
EPSILON = 1e-12
ERF = np.vectorize(math.erf)


@pytest.fixture(scope="module")
def weights() -> Weights:
    chance = np.random.default_rng(0)

    def normal(*shape: int) -> Array:
        return chance.normal(scale=0.3, size=shape).astype(np.float32)

    embeddings = "encoder.embeddings"
    found = {
        f"{embeddings}.word_embeddings.weight": normal(WORDS, WIDTH),
        f"{embeddings}.position_embeddings.weight": normal(PLACES, WIDTH),
        f"{embeddings}.token_type_embeddings.weight": normal(2, WIDTH),
        "head.weight": normal(LOGITS, WIDTH),
        "head.bias": normal(LOGITS),
    }
    norms = [embeddings]
    for number in range(LAYERS):
        layer = f"encoder.encoder.layer.{number}"
        linears = {f"attention.self.{part}": (WIDTH, WIDTH) for part in ("query", "key", "value")} | {
            "attention.output.dense": (WIDTH, WIDTH),
            "intermediate.dense": (INNER, WIDTH),
            "output.dense": (WIDTH, INNER),
        }
        for name, shape in linears.items():
            found |= {f"{layer}.{name}.weight": normal(*shape), f"{layer}.{name}.bias": normal(shape[0])}
        norms += [f"{layer}.attention.output", f"{layer}.output"]
    for name in norms:
        found |= {f"{name}.LayerNorm.weight": 1 + normal(WIDTH), f"{name}.LayerNorm.bias": normal(WIDTH)}
    return found


def reference(weights: Weights, ids: list[int]) -> Array:
    """The logits of one row in numpy."""

    def linear(name: str, value: Array) -> Array:
        found: Array = value @ weights[f"{name}.weight"].T + weights[f"{name}.bias"]
        return found

    def norm(name: str, value: Array) -> Array:
        centred = value - value.mean(axis=-1, keepdims=True)
        scaled = centred / np.sqrt((centred**2).mean(axis=-1, keepdims=True) + EPSILON)
        found: Array = scaled * weights[f"{name}.LayerNorm.weight"] + weights[f"{name}.LayerNorm.bias"]
        return found

    def attention(name: str, value: Array) -> Array:
        query, key, content = (
            np.split(linear(f"{name}.{part}", value), HEADS, axis=1) for part in ("query", "key", "value")
        )
        heads = []
        for at in range(HEADS):
            powers = np.exp(query[at] @ key[at].T / np.sqrt(WIDTH / HEADS))
            heads.append(powers / powers.sum(axis=1, keepdims=True) @ content[at])
        return np.concatenate(heads, axis=1)

    embeddings = "encoder.embeddings"
    x = weights[f"{embeddings}.word_embeddings.weight"][ids] + weights[f"{embeddings}.token_type_embeddings.weight"][0]
    x = norm(embeddings, x + weights[f"{embeddings}.position_embeddings.weight"][: len(ids)])
    for number in range(LAYERS):
        layer = f"encoder.encoder.layer.{number}"
        attended = linear(f"{layer}.attention.output.dense", attention(f"{layer}.attention.self", x))
        x = norm(f"{layer}.attention.output", attended + x)
        inner = linear(f"{layer}.intermediate.dense", x)
        x = norm(f"{layer}.output", linear(f"{layer}.output.dense", inner * (1 + ERF(inner / 2**0.5)) / 2) + x)
    return linear("head", x.mean(axis=0))


def run(weights: Weights, number_format: Format, folder: Path, ids: list[list[int]], mask: list[list[int]]) -> Array:
    encoder = Encoder(BERT, LAYERS, WIDTH, HEADS, EPSILON, position_buckets=0, max_positions=PLACES)
    write(number_format, replace(checkpoint(BERT), encoder=encoder, weights=weights), folder)
    return OnnxEngine.load(folder, EngineSettings(threads=1)).run(np.array(ids), np.array(mask))


def test_the_fp32_graph_computes_bert_and_padding_changes_nothing(weights: Weights, tmp_path: Path) -> None:
    found = run(weights, FP32, tmp_path, [[3, 1, 4, 1, 5], [9, 2, 0, 0, 0]], [[1, 1, 1, 1, 1], [1, 1, 0, 0, 0]])
    onnx.checker.check_model(tmp_path / NETWORK_FILE, full_check=True)
    wanted = np.stack([reference(weights, [3, 1, 4, 1, 5]), reference(weights, [9, 2])])
    assert found == pytest.approx(wanted, abs=1e-4)


@pytest.mark.parametrize("architecture", ["bert", "deberta-v2"])
def test_a_graph_without_a_mask_uses_every_token(architecture: str, tmp_path: Path) -> None:
    network = checkpoint(architecture)
    ids = np.array([[3, 1, 4, 1, 5], [9, 2, 6, 5, 3]])
    found = []
    for masked in (True, False):
        write(replace(FP32, masked=masked), network, tmp_path)
        engine = OnnxEngine.load(tmp_path, EngineSettings())
        assert engine.masked is masked
        found.append(engine.run(ids, np.ones_like(ids)))
    assert found[0] == pytest.approx(found[1], abs=1e-5)


def test_the_int8_graph_is_close_to_fp32(weights: Weights, tmp_path: Path) -> None:
    found, wanted = run(weights, INT8, tmp_path, [[3, 1, 4, 1, 5]], [[1] * 5])[0], reference(weights, [3, 1, 4, 1, 5])
    assert 0 < np.abs(found - wanted).max() < 0.15 * wanted.std()


def test_zero_weights_quantise_to_zero(weights: Weights, tmp_path: Path) -> None:
    """With a scale of zero every logit would be NaN."""
    empty = {name: np.zeros_like(value) for name, value in weights.items() if "dense" in name or "self" in name}
    assert np.isfinite(run({**weights, **empty}, INT8, tmp_path, [[3, 1]], [[1, 1]])).all()
