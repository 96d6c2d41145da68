"""Tensors to and from V2's JSON header and binary extension.

Format: https://github.com/triton-inference-server/server/blob/main/docs/protocol/extension_binary_data.md.
A BYTES element is its length as 4 bytes, little endian, and its content.
"""

import math
import struct
from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any, Literal, TypeAlias

import msgspec
import numpy as np

from edge_router.tensors import Array, Tensors

DTYPES = {"BYTES": np.dtype(np.object_), "INT64": np.dtype(np.int64), "FP32": np.dtype(np.float32)}
DATATYPES = {dtype: name for name, dtype in DTYPES.items()}
LENGTH = struct.Struct("<I")

Size: TypeAlias = Annotated[int, msgspec.Meta(ge=0)]


class OutputParameters(msgspec.Struct, frozen=True):
    binary_data_size: Size | None = None


class Output(msgspec.Struct, frozen=True):
    """One output of a reply: its data is in `data`, or behind the JSON where a size is given."""

    name: str
    datatype: Literal["BYTES", "INT64", "FP32"]
    shape: list[Size]
    parameters: OutputParameters = OutputParameters()
    data: list[Any] = []


class Reply(msgspec.Struct, frozen=True):
    outputs: list[Output]


def encode_request(inputs: Tensors, outputs: Sequence[Mapping[str, Any]]) -> tuple[bytes, int]:
    """(body, length of its JSON part). `outputs` as in the protocol; empty = all."""
    data = [encode(tensor) for tensor in inputs.values()]
    header: dict[str, Any] = {
        "inputs": [
            {
                "name": name,
                "datatype": DATATYPES[tensor.dtype],
                "shape": list(tensor.shape),
                "parameters": {"binary_data_size": len(part)},
            }
            for (name, tensor), part in zip(inputs.items(), data, strict=True)
        ],
        "parameters": {"binary_data_output": True},
    }
    if outputs:
        header["outputs"] = outputs
    text = msgspec.json.encode(header)
    return b"".join([text, *data]), len(text)


def decode_reply(body: bytes, header_length: int) -> dict[str, Array]:
    """Outputs by name. Raises ValueError when the body is not a V2 reply."""
    try:
        reply = msgspec.json.decode(body[:header_length], type=Reply)
    except (msgspec.DecodeError, RecursionError) as error:
        raise ValueError(f"not a V2 reply: {error}") from error
    return dict(_tensors(reply.outputs, memoryview(body)[header_length:]))


def encode(tensor: Array) -> bytes:
    if tensor.dtype != np.object_:
        return tensor.tobytes()
    return b"".join(LENGTH.pack(len(value)) + value for value in tensor.reshape(-1))


def decode(datatype: str, shape: Sequence[int], data: bytes | memoryview) -> Array:
    """`datatype`: one of DTYPES. Raises ValueError when the data does not fill the shape."""
    dtype = DTYPES[datatype]
    if dtype != np.object_:
        return np.frombuffer(data, dtype).reshape(shape)
    elements = list(_elements(bytes(data)))
    if len(elements) != math.prod(shape):
        raise ValueError(f"{len(elements)} strings do not fill shape {list(shape)}")
    values = np.empty(len(elements), dtype=np.object_)
    values[:] = elements
    return values.reshape(shape)


def _elements(data: bytes) -> Iterator[bytes]:
    at = 0
    while at < len(data):
        start = at + LENGTH.size
        if start > len(data):
            raise ValueError("the length of a string is cut off")
        at = start + LENGTH.unpack_from(data, at)[0]
        if at > len(data):
            raise ValueError("a string is cut off")
        yield data[start:at]


def _tensors(outputs: Sequence[Output], data: memoryview) -> Iterator[tuple[str, Array]]:
    at = 0
    for output in outputs:
        size = output.parameters.binary_data_size
        if size is None:
            yield output.name, _from_json(output)
        else:
            yield output.name, decode(output.datatype, output.shape, data[at : at + size])
            at += size


def _from_json(output: Output) -> Array:
    if output.datatype == "BYTES":
        if not all(isinstance(value, str) for value in output.data):
            raise ValueError(f"{output.name} is BYTES but holds something that is not text")
        return np.array([value.encode() for value in output.data], dtype=np.object_).reshape(output.shape)
    try:
        return np.array(output.data, dtype=DTYPES[output.datatype]).reshape(output.shape)
    except (TypeError, OverflowError) as error:
        raise ValueError(f"{output.name}: {error}") from error
