"""What the server says of itself and its models, in V2's JSON; gRPC's messages are filled from the same."""

from collections.abc import Mapping, Sequence
from typing import Any

from google.protobuf.message import Message

from edge_router import __version__
from edge_router.pipeline import Served
from edge_router.pipeline.signature import ANY, Signature, TensorType
from edge_router.server.statistics import Statistics

EXTENSIONS = (
    "classification",
    "binary_tensor_data",
    "parameters",
    "model_configuration",
    "model_repository",
    "statistics",
)
PLATFORMS = {"onnxruntime": "onnxruntime_onnx"}
"""Triton's platform of a backend, where it is not the backend's own name."""


def server() -> dict[str, Any]:
    return {"name": "edge-router", "version": __version__, "extensions": list(EXTENSIONS)}


def model(versions: Sequence[Served], asked: Served) -> dict[str, Any]:
    """`versions`: what a reply about `asked` names as served."""
    config, signature = asked.config, asked.signature
    return {
        "name": asked.model,
        "versions": [str(served.version) for served in versions],
        "platform": config.platform or PLATFORMS.get(config.backend, config.backend),
        "inputs": _tensors(signature, signature.inputs),
        "outputs": _tensors(signature, signature.outputs),
    }


def config(asked: Served) -> dict[str, Any]:
    """The configuration as it was read, every field shown."""
    return _as_json(asked.config)


def statistics(served: Sequence[Served], tallies: Statistics) -> dict[str, Any]:
    return {
        "model_stats": [
            {
                "name": each.model,
                "version": str(each.version),
                **tallies.of(each.model, each.version).as_json(),
            }
            for each in served
        ]
    }


def _tensors(signature: Signature, tensors: Mapping[str, TensorType]) -> list[dict[str, Any]]:
    rows = [ANY] if signature.max_batch_size else []
    return [
        {"name": name, "datatype": tensor.datatype, "shape": [*rows, *tensor.shape]} for name, tensor in tensors.items()
    ]


def _as_json(message: Message) -> dict[str, Any]:
    """Field by field: protobuf's own JSON writes 64-bit numbers as text, V2 writes them as numbers."""
    return {
        field.name: _value(field, getattr(message, field.name))
        for field in message.DESCRIPTOR.fields
        if field.is_repeated or not field.has_presence or message.HasField(field.name)
    }


def _value(field: Any, value: Any) -> Any:
    if field.message_type is not None and field.message_type.GetOptions().map_entry:
        entry = field.message_type.fields_by_name["value"]
        return {key: _single(entry, value[key]) for key in value}
    if field.is_repeated:
        return [_single(field, each) for each in value]
    return _single(field, value)


def _single(field: Any, value: Any) -> Any:
    if field.message_type is not None:
        return _as_json(value)
    if field.enum_type is not None:
        return field.enum_type.values_by_number[value].name
    return value
