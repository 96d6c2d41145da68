"""The graph of DeBERTa, compared with the published code at lengths around the limits of its distance buckets."""

from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from transformers.models.deberta_v2.modeling_deberta_v2 import make_log_bucket_position

from edge_router.contract import NETWORK_FILE
from edge_router.conversion.checkpoint import Checkpoint
from edge_router.conversion.deberta import bucket
from edge_router.conversion.eager import Eager
from edge_router.conversion.formats import FP32, write
from edge_router.engines import EngineError, EngineSettings
from edge_router.engines.onnx import OnnxEngine
from edge_router.engines.runtime import onnxruntime
from edge_router.tensors import Array
from scripts.make_checkpoint import make

PIECES = 500


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Checkpoint:
    make(folder := tmp_path_factory.mktemp("checkpoint"))
    return Checkpoint.read(folder)


@pytest.fixture(scope="module")
def eager(checkpoint: Checkpoint) -> Eager:
    return Eager(checkpoint)


@pytest.fixture(scope="module")
def folder(checkpoint: Checkpoint, tmp_path_factory: pytest.TempPathFactory) -> Path:
    write(FP32, checkpoint, folder := tmp_path_factory.mktemp("network"))
    return folder


@pytest.fixture(scope="module")
def engine(folder: Path) -> OnnxEngine:
    return OnnxEngine.load(folder, EngineSettings(threads=1))


def batch(rows: int, tokens: int) -> tuple[Array, Array]:
    """Random ids and masks; the first row is full, each later row has more padding."""
    ids = np.random.default_rng(tokens).integers(4, PIECES, size=(rows, tokens))
    lengths = np.maximum(tokens - np.arange(rows) * max(tokens // rows, 1), 1)
    return ids, (np.arange(tokens) < lengths[:, np.newaxis]).astype(np.int64)


@pytest.mark.parametrize("rows", [1, 8])
@pytest.mark.parametrize("tokens", [1, 2, 3, 16, 129, 130, 300, 512])
def test_the_graph_computes_deberta_at_every_shape(engine: OnnxEngine, eager: Eager, rows: int, tokens: int) -> None:
    ids, mask = batch(rows, tokens)
    wanted = eager(torch.from_numpy(ids), torch.from_numpy(mask)).numpy()
    assert engine.run(ids, mask) == pytest.approx(wanted, abs=1e-5)


def test_padding_changes_nothing(engine: OnnxEngine) -> None:
    ids, _ = batch(1, 20)
    padded, mask = np.pad(ids, ((0, 0), (0, 30))), np.pad(np.ones_like(ids), ((0, 0), (0, 30)))
    assert engine.run(padded, mask) == pytest.approx(engine.run(ids, np.ones_like(ids)), abs=1e-5)


def test_more_tokens_than_positions_are_refused(engine: OnnxEngine) -> None:
    with pytest.raises(EngineError):
        engine.run(*batch(1, 513))


@pytest.mark.parametrize(("buckets", "positions"), [(256, 512), (32, 128)])
def test_the_buckets_equal_those_of_the_published_code(buckets: int, positions: int) -> None:
    distances = np.arange(1 - positions, positions)
    wanted = make_log_bucket_position(torch.from_numpy(distances), buckets, positions).numpy()
    assert np.array_equal(bucket(distances, buckets, positions), wanted)


def test_the_optimised_graph_has_no_repeated_work(checkpoint: Checkpoint, folder: Path) -> None:
    """The graph that ONNX Runtime runs has one matrix product for query, key and value, fused transposes, and no
    SkipLayerNormalization, which is six times as slow as its parts."""
    options = onnxruntime.SessionOptions()
    options.optimized_model_filepath = str(folder / "optimized.onnx")
    onnxruntime.InferenceSession(str(folder / NETWORK_FILE), options, providers=["CPUExecutionProvider"])
    nodes = [node.op_type for node in onnx.load(folder / "optimized.onnx", load_external_data=False).graph.node]
    layers = checkpoint.encoder.layers
    assert nodes.count("FusedMatMul") == 2 * layers
    assert nodes.count("MatMul") == 5 * layers + 1
    assert nodes.count("LayerNormalization") == 2 * layers + 1
    assert nodes.count("Gather") == layers + 2
    assert not {"SkipLayerNormalization", "GatherElements", "Where", "Log"} & set(nodes)
