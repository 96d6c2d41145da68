"""A trained network as `model.onnx`, its weights in a file beside it that is mapped."""

from pathlib import Path
from typing import Any

import onnx

from edge_router.contract import NETWORK_FILE
from edge_router.training.graph import build, float_embedding, float_linear, int8_embedding, int8_linear
from edge_router.training.network import Network


def export(network: Network, folder: Path) -> None:
    """The float network: what the int8 one is measured against."""
    _save(build(**_parts(network), linear=float_linear, embedding=float_embedding), folder)


def export_int8(network: Network, folder: Path) -> None:
    """int8 weights one scale an output, int8 words one scale a row."""
    _save(build(**_parts(network), linear=int8_linear, embedding=int8_embedding), folder)


def _parts(network: Network) -> dict[str, Any]:
    config = network.encoder.config
    weights = {name: value.detach().numpy() for name, value in network.state_dict().items()}
    return {"weights": weights, "heads": config.num_attention_heads, "epsilon": config.layer_norm_eps}


def _save(model: onnx.ModelProto, folder: Path) -> None:
    """External data is mapped by ONNX Runtime: pages that no prompt touches never become resident."""
    data = folder / f"{NETWORK_FILE}.data"
    data.unlink(missing_ok=True)
    onnx.save(
        model,
        folder / NETWORK_FILE,
        save_as_external_data=True,
        all_tensors_to_one_file=True,
        location=data.name,
        size_threshold=1024,
    )
    data.chmod(0o644)  # onnx writes for its owner alone; in a container somebody else reads
