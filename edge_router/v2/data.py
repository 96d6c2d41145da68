"""Encodes and decodes a tensor's data in V2's two forms: JSON, and the binary extension's little-endian bytes.

Format: https://github.com/triton-inference-server/server/blob/main/docs/protocol/extension_binary_data.md.
A BYTES element is its length as 4 bytes, little endian, and its content.
"""

import math
import struct
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from edge_router.tensors import DTYPES, Array

LENGTH = struct.Struct("<I")

JSON_KINDS: dict[str, tuple[type, ...]] = {"b": (bool,), "i": (int,), "u": (int,), "f": (int, float), "O": (str,)}
"""Python types of a JSON value by numpy's kind of the data type. A bool does not count as a number."""


def encode(tensor: Array) -> bytes:
    """The tensor's data in binary form."""
    if tensor.dtype != np.object_:
        return tensor.tobytes()
    return b"".join(LENGTH.pack(len(value)) + value for value in tensor.reshape(-1))


def decode(datatype: str, shape: Sequence[int], data: bytes | memoryview) -> Array:
    """The tensor of binary data. `datatype`: one of DTYPES; `shape`: dimensions of at least 0.

    Raises ValueError when the data does not fill the shape.
    """
    dtype = DTYPES[datatype]
    if dtype == np.object_:
        return _reshaped(_objects(list(_elements(bytes(data)))), shape)
    if len(data) != math.prod(shape) * dtype.itemsize:
        raise ValueError(f"{len(data)} bytes do not fill {datatype} {list(shape)}")
    return np.frombuffer(data, dtype).reshape(shape)


def decode_json(datatype: str, shape: Sequence[int], data: Sequence[Any]) -> Array:
    """The tensor of JSON data: flat or nested lists, row by row.

    Raises ValueError when a value has another type or the data does not fill the shape.
    """
    dtype = DTYPES[datatype]
    values = list(_flat(data))
    kinds = JSON_KINDS[dtype.kind]
    for at, value in enumerate(values):
        if not isinstance(value, kinds) or (kinds != (bool,) and isinstance(value, bool)):
            raise ValueError(f"element {at} is not of data type {datatype}")
    if dtype == np.object_:
        return _reshaped(_objects([_utf8(at, value) for at, value in enumerate(values)]), shape)
    try:
        with np.errstate(over="ignore"):  # a number beyond the type's range becomes infinite, as in Triton
            return _reshaped(np.array(values, dtype=dtype), shape)
    except OverflowError:
        raise ValueError(f"a value does not fit into {datatype}") from None


def encode_json(tensor: Array) -> list[Any]:
    """The tensor's values as a flat list. Raises ValueError for a string that is not UTF-8: JSON cannot hold it."""
    if tensor.dtype != np.object_:
        values: list[Any] = tensor.reshape(-1).tolist()
        return values
    try:
        return [value.decode() for value in tensor.reshape(-1)]
    except UnicodeDecodeError:
        raise ValueError("a string is not valid UTF-8; request it as binary data") from None


def _reshaped(values: Array, shape: Sequence[int]) -> Array:
    if values.size != math.prod(shape):
        raise ValueError(f"{values.size} values do not fill shape {list(shape)}")
    return values.reshape(shape)


def _objects(values: Sequence[bytes]) -> Array:
    tensor = np.empty(len(values), dtype=np.object_)
    tensor[:] = values
    return tensor


def _elements(data: bytes) -> Iterator[bytes]:
    at = 0
    while at < len(data):
        start = at + LENGTH.size
        if start > len(data):
            raise ValueError("the length of a string is truncated")
        at = start + LENGTH.unpack_from(data, at)[0]
        if at > len(data):
            raise ValueError("a string is truncated")
        yield data[start:at]


def _flat(data: Sequence[Any]) -> Iterator[Any]:
    for value in data:
        if isinstance(value, list):
            yield from _flat(value)
        else:
            yield value


def _utf8(at: int, text: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError:
        raise ValueError(f"element {at} holds a lone surrogate; send valid Unicode") from None
