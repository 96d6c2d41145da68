"""Checkpoint: the published layout is read; anything else is refused with a one-line message."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file, save_file
from safetensors.torch import save_file as save_torch

from edge_router.contract import COMPLEXITY_ROUTER, LABEL, LOGITS, SCORE, TASK_ROUTER
from edge_router.conversion.checkpoint import Checkpoint, CheckpointError, Encoder
from edge_router.conversion.encoder import BERT
from edge_router.conversion.rules import COMPLEXITY_LABELS, TASK_LABELS
from edge_router.stages.decide import Decide, DecisionRules
from edge_router.tensors import Array, Tensors
from scripts.make_checkpoint import make
from tests.support import encoders

CONFIG, WEIGHTS, INDEX = "config.json", "model.safetensors", "model.safetensors.index.json"
LAYER = "backbone.encoder.layer.0"
LOGIT_COUNT = 32


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    make(folder := tmp_path_factory.mktemp("made"))
    return folder


@pytest.fixture
def folder(made: Path, tmp_path: Path) -> Path:
    shutil.copytree(made, tmp_path, dirs_exist_ok=True)
    return tmp_path


def configure(folder: Path, **changes: Any) -> None:
    """Changes keys of config.json; None removes a key."""
    config = json.loads((folder / CONFIG).read_text()) | changes
    (folder / CONFIG).write_text(json.dumps({key: value for key, value in config.items() if value is not None}))


def change(folder: Path, **tensors: Array | None) -> None:
    found = load_file(folder / WEIGHTS) | tensors
    save_file({name: value for name, value in found.items() if value is not None}, folder / WEIGHTS)


def test_a_checkpoint_in_the_published_layout_is_read(made: Path) -> None:
    checkpoint = Checkpoint.read(made)
    assert checkpoint.encoder == Encoder("deberta-v2", 2, 128, 2, 1e-7, position_buckets=256, max_positions=512)
    assert checkpoint.tokenizer == made / "spm.model"
    assert checkpoint.max_tokens == 512
    assert [(head.name, head.size) for head in checkpoint.heads][:2] == [("task_type", 12), ("creativity_scope", 3)]
    assert {policy: DecisionRules.of(rules).labels for policy, rules in checkpoint.rules.items()} == {
        TASK_ROUTER: list(TASK_LABELS),
        COMPLEXITY_ROUTER: list(COMPLEXITY_LABELS),
    }
    tensors = load_file(made / WEIGHTS)
    heads = [tensors[f"head_{number}.fc.weight"] for number in range(8)]
    assert np.array_equal(checkpoint.weights["head.weight"], np.concatenate(heads))
    assert len(checkpoint.weights["head.bias"]) == LOGIT_COUNT
    name = "encoder.layer.1.output.dense.weight"
    assert np.array_equal(checkpoint.weights[f"encoder.{name}"], tensors[f"backbone.{name}"])
    encoder = {name.replace("backbone", "encoder", 1) for name in tensors if "fc" not in name}
    assert set(checkpoint.weights) == encoder | {"head.weight", "head.bias"}


def decided(folder: Path, policy: str, logits: Array) -> Tensors:
    [answer] = Decide(DecisionRules.of(Checkpoint.read(folder).rules[policy])).run([{LOGITS: logits}])
    assert not isinstance(answer, Exception)
    return answer


def test_the_complexity_score_equals_the_model_cards(made: Path) -> None:
    logits = np.random.default_rng(3).normal(scale=2, size=(50, LOGIT_COUNT)).astype(np.float32)
    logits[:10, 19] += 15  # no few shots at all

    def worth(start: int, weights: list[float], divisor: float) -> Array:
        powers = np.exp(logits[:, start : start + len(weights)].astype(np.float64))
        found: Array = powers @ np.array(weights) / powers.sum(axis=1) / divisor
        return found

    few_shots = worth(19, [0, 1, 2, 3, 4, 5], 1)
    wanted = (
        0.35 * worth(12, [2, 1, 0], 2)
        + 0.25 * worth(15, [0, 1], 1)
        + 0.15 * worth(30, [1, 0], 1)
        + 0.15 * worth(25, [3, 1, 2, 0], 3)
        + 0.05 * worth(17, [0, 1], 1)
        + 0.05 * np.where(few_shots < 0.05, 0, few_shots)
    )
    assert decided(made, COMPLEXITY_ROUTER, logits)[SCORE][:, 0] == pytest.approx(wanted, abs=1e-5)


def test_a_further_head_with_a_map_of_labels_decides_for_a_policy_of_its_name(folder: Path) -> None:
    sizes = json.loads((folder / CONFIG).read_text())["target_sizes"]
    number, width = len(sizes), Checkpoint.read(folder).encoder.width
    configure(folder, target_sizes={**sizes, "demand": 2}, demand_map={"0": "small", "1": "large"})
    change(
        folder,
        **{
            f"head_{number}.fc.weight": np.zeros((2, width), dtype=np.float32),
            f"head_{number}.fc.bias": np.zeros(2, dtype=np.float32),
        },
    )
    rules = Checkpoint.read(folder).rules
    assert list(rules) == [TASK_ROUTER, COMPLEXITY_ROUTER, "demand_router"]
    assert DecisionRules.of(rules["demand_router"]).labels == ["small", "large"]
    logits = np.zeros((1, LOGIT_COUNT + 2), dtype=np.float32)
    logits[0, -1] = 5
    assert decided(folder, "demand_router", logits)[LABEL][0, 0] == b"large"


def test_labels_have_the_order_of_the_old_contract_whatever_the_order_of_the_map(folder: Path) -> None:
    names = list(reversed(TASK_LABELS))
    configure(folder, task_type_map={str(index): name for index, name in enumerate(names)})
    assert DecisionRules.of(Checkpoint.read(folder).rules[TASK_ROUTER]).labels == list(TASK_LABELS)
    logits = np.zeros((1, LOGIT_COUNT), dtype=np.float32)
    logits[0, 1] = 5
    assert decided(folder, TASK_ROUTER, logits)[LABEL][0, 0] == b"Text Generation"


def test_other_labels_keep_their_own_order(folder: Path) -> None:
    names = ["Other", *(f"Task {number}" for number in range(11))]
    configure(folder, task_type_map={str(index): name for index, name in enumerate(names)})
    assert DecisionRules.of(Checkpoint.read(folder).rules[TASK_ROUTER]).labels == names


def test_a_checkpoint_for_one_policy_is_read(folder: Path) -> None:
    configure(folder, target_sizes={"task_type": 12})
    change(folder, **{f"head_{number}.fc.{part}": None for number in range(1, 8) for part in ("weight", "bias")})
    assert set(Checkpoint.read(folder).rules) == {TASK_ROUTER}


def test_a_checkpoint_in_several_files_is_read(folder: Path) -> None:
    wanted = dict(Checkpoint.read(folder).weights)
    tensors = load_file(folder / WEIGHTS)
    (folder / WEIGHTS).unlink()
    shards = {name: f"model-0000{number % 2 + 1}-of-00002.safetensors" for number, name in enumerate(tensors)}
    for shard in set(shards.values()):
        save_file({name: value for name, value in tensors.items() if shards[name] == shard}, folder / shard)
    (folder / INDEX).write_text(json.dumps({"metadata": {}, "weight_map": shards}))
    found = Checkpoint.read(folder).weights
    assert all(np.array_equal(found[name], value) for name, value in wanted.items())


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_is_converted_to_fp32(folder: Path, dtype: torch.dtype) -> None:
    tensors = {name: torch.from_numpy(value).to(dtype) for name, value in load_file(folder / WEIGHTS).items()}
    save_torch(tensors, folder / WEIGHTS)
    name = "encoder.layer.0.output.dense.weight"
    found = Checkpoint.read(folder).weights[f"encoder.{name}"]
    assert found.dtype == np.float32
    assert np.array_equal(found, tensors[f"backbone.{name}"].float().numpy())


def test_tensors_that_do_not_affect_the_hidden_states_are_ignored(folder: Path) -> None:
    extra = ("backbone.pooler.dense.weight", "backbone.embeddings.position_ids")
    change(folder, **dict.fromkeys(extra, np.ones(4)))
    assert not [name for name in Checkpoint.read(folder).weights if "pooler" in name or "position_ids" in name]


def into_bert(folder: Path, prefix: str, token_types: int = 2) -> Encoder:
    """Replaces the encoder by a BERT and keeps the heads."""
    found = encoders.checkpoint(BERT)
    tensors = {name: value for name, value in load_file(folder / WEIGHTS).items() if "fc" in name}
    tensors = {name: value[..., : found.encoder.width].copy() for name, value in tensors.items()}
    for name, value in found.weights.items():
        if name.startswith("encoder."):
            rows = token_types if "token_type" in name else len(value)
            tensors[f"{prefix}.{name.removeprefix('encoder.')}"] = value[:rows]
    save_file(tensors, folder / WEIGHTS)
    configure(folder, num_attention_heads=found.encoder.attention_heads)
    return found.encoder


@pytest.mark.parametrize("prefix", ["backbone", "bert"])
def test_a_bert_with_the_same_maps_is_read(folder: Path, prefix: str) -> None:
    encoder = into_bert(folder, prefix)
    (folder / "spm.model").unlink()
    (folder / "tokenizer.json").write_text("{}")
    read = Checkpoint.read(folder)
    assert read.encoder == encoder
    assert read.tokenizer == folder / "tokenizer.json"
    assert read.max_tokens == encoder.max_positions


def test_a_roberta_is_refused(folder: Path) -> None:
    """It has the same names, but one token type and positions that start at 2."""
    into_bert(folder, "backbone", token_types=1)
    with pytest.raises(CheckpointError, match="unknown architecture"):
        Checkpoint.read(folder)


def cut(folder: Path) -> None:
    content = (folder / WEIGHTS).read_bytes()
    (folder / WEIGHTS).write_bytes(content[: len(content) // 2])


def lie(folder: Path) -> None:
    """Makes the header claim more bytes than the file has."""
    content = (folder / WEIGHTS).read_bytes()
    (folder / WEIGHTS).write_bytes((2**40).to_bytes(8, "little") + content[8:])


def pickle(folder: Path) -> None:
    (folder / WEIGHTS).rename(folder / "pytorch_model.bin")


def wrote(name: str, text: str) -> Callable[[Path], object]:
    return lambda folder: (folder / name).write_text(text)


def index(content: Any) -> Callable[[Path], object]:
    return wrote(INDEX, json.dumps(content))


def without(name: str) -> Callable[[Path], object]:
    return lambda folder: (folder / name).unlink()


def configured(**changes: Any) -> Callable[[Path], object]:
    return lambda folder: configure(folder, **changes)


def changed(**tensors: Array | None) -> Callable[[Path], object]:
    return lambda folder: change(folder, **tensors)


SIZES = {"task_type": 12, "creativity_scope": 3}
BAD_MATRIX = np.full((128, 128), np.nan, dtype=np.float32)
WRONG: dict[str, tuple[Callable[[Path], object], str]] = {
    "no config": (without(CONFIG), r"holds no config\.json"),
    "config is no JSON": (wrote(CONFIG, "{"), r"config\.json: cannot be read"),
    "config is no object": (wrote(CONFIG, "[]"), r"is not a JSON object"),
    "no weights": (without(WEIGHTS), r"holds no model\.safetensors"),
    "a pickle": (pickle, r"pytorch_model\.bin: a pickle is not read.* save_pretrained"),
    "no tokenizer": (without("spm.model"), r"holds no tokenizer; add spm\.model or tokenizer\.json"),
    "cut": (cut, r"model\.safetensors: not a complete safetensors file"),
    "a lying header": (lie, r"model\.safetensors: not a complete safetensors file"),
    "an index without a map": (index({}), r"index\.json: needs a weight_map"),
    "an index that leads out": (index({"weight_map": {"a": "../b"}}), r"'\.\./b' is not a file name"),
    "an index that lies": (index({"weight_map": {"a": WEIGHTS}}), r"holds no tensor a"),
    "an index to nothing": (index({"weight_map": {"a": "b.safetensors"}}), r"b\.safetensors: cannot be read"),
    "another prefix": (lambda folder: save_file({"model.a": BAD_MATRIX}, folder / WEIGHTS), r"encoder is missing"),
    "another architecture": (changed(**{"backbone.encoder.rel_embeddings.weight": None}), r"unknown architecture"),
    "places not normed": (changed(**{"backbone.encoder.LayerNorm.weight": None}), r"unknown architecture"),
    "keys of places": (
        changed(**{f"{LAYER}.attention.self.pos_key_proj.weight": np.zeros((128, 128), np.float32)}),
        r"pos_key_proj\.weight does not belong to a supported deberta-v2",
    ),
    "a tensor is missing": (changed(**{f"{LAYER}.output.dense.bias": None}), r"output\.dense\.bias is missing"),
    "a tensor of another shape": (
        changed(**{f"{LAYER}.output.dense.bias": np.zeros(3, np.float32)}),
        r"output\.dense\.bias has shape \[3\]; by the other tensors it must be \[128\]",
    ),
    "a weight is not finite": (
        changed(**{f"{LAYER}.attention.output.dense.weight": BAD_MATRIX}),
        r"attention\.output\.dense\.weight has values that are not finite",
    ),
    "a weight is an integer": (
        changed(**{"head_0.fc.bias": np.zeros(12, np.int32)}),
        r"head_0\.fc\.bias has values that are not finite floats",
    ),
    "another activation": (configured(hidden_act="relu"), r"hidden_act is 'relu'"),
    "another model": (configured(model_type="roberta"), r"model_type is 'roberta'"),
    "buckets": (configured(position_buckets=128), r"position_buckets is 128; .* must be 256"),
    "attention heads": (configured(num_attention_heads=3), r"num_attention_heads is 3; it must divide the width 128"),
    "attention heads in words": (configured(num_attention_heads="two"), r"num_attention_heads is 'two'"),
    "no heads": (configured(target_sizes=None), r"target_sizes is missing"),
    "heads are a list": (configured(target_sizes=[12]), r"target_sizes is \[12\]; a mapping"),
    "a size of nothing": (configured(target_sizes={"task_type": 0}), r"target_sizes\.task_type is 0"),
    "a size that is not the tensor's": (
        configured(target_sizes=SIZES | {"creativity_scope": 4}, weights_map={"creativity_scope": [3, 2, 1, 0]}),
        r"head_1\.fc\.weight has shape \[3, 128\]; head 'creativity_scope' .* need \[4, 128\]",
    ),
    "heads without sizes": (configured(target_sizes=SIZES), r"head_2\.fc\.weight has no entry in target_sizes"),
    "sizes without heads": (
        changed(**{"head_7.fc.weight": None, "head_7.fc.bias": None}),
        r"head_7\.fc\.weight is missing",
    ),
    "an unknown head": (configured(target_sizes={"mood": 12}), r"head 'mood' of target_sizes is unknown"),
    "a label is missing": (configured(task_type_map={"0": "Chatbot"}), r'task_type_map needs .* "0" to "11"'),
    "a label twice": (
        configured(task_type_map={str(index): "Chatbot" for index in range(12)}),
        r"config\.json: classes: give at least one, each label once",
    ),
    "weights of another length": (
        configured(weights_map={"creativity_scope": [1]}, target_sizes=SIZES),
        r"'Creativity' has 1 weights",
    ),
    "a divisor of nothing": (
        configured(divisor_map={"creativity_scope": 0}, target_sizes=SIZES),
        r"divisor_map\.creativity_scope is 0",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("spoil", "message"), WRONG.values(), ids=WRONG)
def test_a_wrong_checkpoint_is_refused_with_a_one_line_message(
    folder: Path, spoil: Callable[[Path], object], message: str
) -> None:
    spoil(folder)
    with pytest.raises(CheckpointError, match=message) as raised:
        Checkpoint.read(folder)
    assert str(folder) in str(raised.value)
    assert "\n" not in str(raised.value)


def test_a_classifier_without_target_sizes_is_refused(folder: Path) -> None:
    configure(folder, target_sizes=None, id2label={"0": "safe"}, architectures=["DebertaV2ForSequenceClassification"])
    with pytest.raises(CheckpointError, match=r"target_sizes is missing; add it with"):
        Checkpoint.read(folder)


def test_a_missing_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"nowhere: holds no config\.json"):
        Checkpoint.read(tmp_path / "nowhere")
