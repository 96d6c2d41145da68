"""Converts tensors from and to gRPC messages: typed contents, or raw bytes as in the binary extension."""

from collections.abc import Mapping
from typing import Any, Final, TypeAlias

import numpy as np

from edge_router.errors import RequestError
from edge_router.tensors import DATATYPES, DTYPES, Array, Tensors
from edge_router.v2.data import decode, encode

Message: TypeAlias = Any  # generated classes have no types of their own

CONTENTS: Final[Mapping[str, str]] = {
    "BOOL": "bool_contents",
    "INT8": "int_contents",
    "INT16": "int_contents",
    "INT32": "int_contents",
    "INT64": "int64_contents",
    "UINT8": "uint_contents",
    "UINT16": "uint_contents",
    "UINT32": "uint_contents",
    "UINT64": "uint64_contents",
    "FP32": "fp32_contents",
    "FP64": "fp64_contents",
    "BYTES": "bytes_contents",
}
"""The field of InferTensorContents for each data type; FP16 has none and is sent as raw bytes only."""


def read_inputs(request: Message) -> Tensors:
    """The inputs of a ModelInferRequest by name. Raises RequestError naming the input."""
    raw = request.raw_input_contents
    if raw and len(raw) != len(request.inputs):
        raise RequestError(f"{len(request.inputs)} inputs, but {len(raw)} raw_input_contents; send one for each")
    inputs: dict[str, Array] = {}
    for at, each in enumerate(request.inputs):
        if each.name in inputs:
            raise RequestError(f"input {each.name} is given twice")
        inputs[each.name] = _read(each, raw[at] if raw else None)
    return inputs


def write_outputs(response: Message, outputs: Tensors) -> None:
    for name, tensor in outputs.items():
        response.outputs.add(name=name, datatype=DATATYPES[tensor.dtype], shape=tensor.shape)
        response.raw_output_contents.append(encode(tensor))


def _read(each: Message, raw: bytes | None) -> Array:
    if each.datatype not in DTYPES:
        raise RequestError(f"input {each.name}: unknown data type {each.datatype!r}; send one of {', '.join(DTYPES)}")
    if min(each.shape, default=0) < 0:
        raise RequestError(f"input {each.name}: shape {list(each.shape)} has a negative dimension")
    if "shared_memory_region" in each.parameters:
        raise RequestError(f"input {each.name}: shared memory is not supported; send its data")
    if raw is not None and each.HasField("contents"):
        raise RequestError(f"input {each.name} has both contents and raw_input_contents; send one of them")
    try:
        return _typed(each) if raw is None else decode(each.datatype, each.shape, raw)
    except (ValueError, OverflowError) as error:
        raise RequestError(f"input {each.name}: {error}") from None


def _typed(each: Message) -> Array:
    field = CONTENTS.get(each.datatype)
    if field is None:
        raise ValueError(f"{each.datatype} has no typed contents; send it in raw_input_contents")
    values = getattr(each.contents, field)
    tensor = np.empty(len(values), dtype=DTYPES[each.datatype])
    tensor[:] = values
    return tensor.reshape(each.shape)
