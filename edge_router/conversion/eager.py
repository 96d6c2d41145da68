"""The checkpoint in torch, computed by transformers: the reference for every other format."""

import io
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeAlias

import onnx
import torch
from torch import Tensor, nn
from transformers import BertConfig, BertModel, DebertaV2Config, DebertaV2Model
from transformers.utils import logging

from edge_router.conversion.checkpoint import Checkpoint
from edge_router.conversion.encoder import BERT, DEBERTA, Encoder
from edge_router.engines.onnx import IDS, LOGITS, MASK

Weights: TypeAlias = Mapping[str, Tensor]

logging.set_verbosity_error()  # transformers warns about settings that matter in training only

OPSET = 17
"""The same opset as that of the graphs written node by node."""


class Eager(nn.Module):
    """The classifier in torch: ids, mask INT64 [rows, tokens] -> logits FP32 [rows, logits] of all heads over the mean
    of the tokens."""

    def __init__(self, checkpoint: Checkpoint) -> None:
        super().__init__()
        weights = {name: torch.from_numpy(value) for name, value in checkpoint.weights.items()}
        self.encoder = ENCODERS[checkpoint.encoder.architecture](checkpoint.encoder, weights)
        self.head = nn.Linear(*reversed(weights["head.weight"].shape))
        self.load_state_dict(weights, assign=True)
        self.requires_grad_(False).eval()

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        hidden = self.encoder(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state
        weight = attention_mask.unsqueeze(-1).to(hidden.dtype)
        logits: Tensor = self.head((hidden * weight).sum(1) / weight.sum(1))
        return logits


def export_plain(checkpoint: Checkpoint, file: Path) -> None:
    """Exports the graph with torch.onnx.export and dynamic axes; the weights are in a file beside `file`."""
    ids = torch.ones((2, 8), dtype=torch.int64)
    axes = {0: "rows", 1: "tokens"}
    buffer = io.BytesIO()
    with warnings.catch_warnings():
        # torch warns that this exporter is old and that settings become constants. Both are intended: the result is
        # compared with the encoder at other shapes.
        warnings.simplefilter("ignore")
        torch.onnx.export(
            Eager(checkpoint),
            (ids, torch.ones_like(ids)),
            buffer,
            input_names=[IDS, MASK],
            output_names=[LOGITS],
            dynamic_axes={IDS: axes, MASK: axes, LOGITS: {0: "rows"}},
            opset_version=OPSET,
            dynamo=False,
        )
    data = file.with_name(f"{file.name}.data")
    data.unlink(missing_ok=True)  # onnx would append
    onnx.save(onnx.load_from_string(buffer.getvalue()), file, save_as_external_data=True, location=data.name)


def _deberta(encoder: Encoder, weights: Weights) -> nn.Module:
    return DebertaV2Model(
        DebertaV2Config(
            **_shape(encoder, weights),
            relative_attention=True,
            position_buckets=encoder.position_buckets,
            max_relative_positions=encoder.max_positions,
            position_biased_input=False,
            norm_rel_ebd="layer_norm",
            share_att_key=True,
            pos_att_type=["p2c", "c2p"],
            type_vocab_size=0,
        )
    )


def _bert(encoder: Encoder, weights: Weights) -> nn.Module:
    types = len(weights["encoder.embeddings.token_type_embeddings.weight"])
    return BertModel(BertConfig(**_shape(encoder, weights), type_vocab_size=types), add_pooling_layer=False)


def _shape(encoder: Encoder, weights: Weights) -> dict[str, Any]:
    """The arguments that both configurations have in common."""
    return {
        "vocab_size": len(weights["encoder.embeddings.word_embeddings.weight"]),
        "hidden_size": encoder.width,
        "num_hidden_layers": encoder.layers,
        "num_attention_heads": encoder.attention_heads,
        "intermediate_size": len(weights["encoder.encoder.layer.0.intermediate.dense.weight"]),
        "max_position_embeddings": encoder.max_positions,
        "layer_norm_eps": encoder.epsilon,
        "attn_implementation": "eager",
    }


ENCODERS: Mapping[str, Callable[[Encoder, Weights], nn.Module]] = {DEBERTA: _deberta, BERT: _bert}
