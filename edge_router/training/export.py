"""A trained network as `model.onnx`, its weights in a file beside it that is mapped."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

from edge_router.conversion.encoder import BERT, Encoder, Weights
from edge_router.conversion.formats import FP32, INT8, write
from edge_router.training.network import Network


@dataclass(frozen=True)
class _Trained:
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
    """The float network: what the int8 one is measured against."""
    write(FP32, _Trained.of(network), folder)


def export_int8(network: Network, folder: Path) -> None:
    """int8 weights one scale an output, int8 words one scale a row. On a CPU rows run one at a time, so it takes no
    mask."""
    write(replace(INT8, masked=False), _Trained.of(network), folder)
