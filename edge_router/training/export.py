"""Exports a trained network as `model.onnx`, with its weights in a data file beside it."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

from edge_router.conversion.encoder import BERT, Encoder, Weights
from edge_router.conversion.formats import FP32, INT8, write
from edge_router.training.network import Network


@dataclass(frozen=True)
class _Trained:
    """A trained network in the form that `formats.write` takes."""

    encoder: Encoder
    weights: Weights

    @classmethod
    def of(cls, network: Network) -> Self:
        config = network.encoder.config
        encoder = Encoder(
            architecture=BERT,
            layers=config.num_hidden_layers,
            width=config.hidden_size,
            attention_heads=config.num_attention_heads,
            epsilon=config.layer_norm_eps,
            position_buckets=0,
            max_positions=config.max_position_embeddings,
        )
        return cls(encoder, {name: value.detach().numpy() for name, value in network.state_dict().items()})


def export(network: Network, folder: Path) -> None:
    """Exports fp32, the reference for int8."""
    write(FP32, _Trained.of(network), folder)


def export_int8(network: Network, folder: Path) -> None:
    """Exports int8, without a mask: on a CPU rows run one at a time, so they are not padded."""
    write(replace(INT8, masked=False), _Trained.of(network), folder)
