"""Server metadata, model metadata, configurations and statistics in V2's JSON; gRPC's messages are built from it."""

from collections.abc import Mapping, Sequence
from typing import Any

from google.protobuf.message import Message

from edge_router import __version__
from edge_router.pipeline import ServedModel
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
"""Triton's platform names of the backends whose platform has another name."""


def server_metadata() -> dict[str, Any]:
    return {"name": "edge-router", "version": __version__, "extensions": list(EXTENSIONS)}


def model_metadata(versions: Sequence[ServedModel], model: ServedModel) -> dict[str, Any]:
    """`versions`: the versions of `model` that the metadata lists."""
    config, signature = model.config, model.signature
    return {
        "name": model.model,
        "versions": [str(served.version) for served in versions],
        "platform": config.platform or PLATFORMS.get(config.backend, config.backend),
        "inputs": _tensors(signature, signature.inputs),
        "outputs": _tensors(signature, signature.outputs),
    }


def model_config(model: ServedModel) -> dict[str, Any]:
    """The configuration as it was read, with every field."""
    return _as_json(model.config)


def model_statistics(models: Sequence[ServedModel], statistics: Statistics) -> dict[str, Any]:
    return {
        "model_stats": [
            {
                "name": each.model,
                "version": str(each.version),
                **statistics.of(each.model, each.version).as_json(),
            }
            for each in models
        ]
    }


def _tensors(signature: Signature, tensors: Mapping[str, TensorType]) -> list[dict[str, Any]]:
    rows = [ANY] if signature.max_batch_size else []
    return [
        {"name": name, "datatype": tensor.datatype, "shape": [*rows, *tensor.shape]} for name, tensor in tensors.items()
    ]


def _as_json(message: Message) -> dict[str, Any]:
    """A message as JSON. Protobuf's own conversion writes 64-bit numbers as text; V2 has numbers."""
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
