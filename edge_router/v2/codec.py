"""Tensors to and from V2's JSON header and binary extension.

Format: https://github.com/triton-inference-server/server/blob/main/docs/protocol/extension_binary_data.md.
A BYTES element is its length as 4 bytes, little endian, and its content.
"""

import struct
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import orjson

from edge_router.tensors import Array, Tensors

DTYPES = {"BYTES": np.dtype(np.object_), "INT64": np.dtype(np.int64), "FP32": np.dtype(np.float32)}
DATATYPES = {dtype: name for name, dtype in DTYPES.items()}


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
    text = orjson.dumps(header)
    return b"".join([text, *data]), len(text)


def decode_reply(body: bytes, header_length: int) -> dict[str, Array]:
    """Outputs by name. Raises ValueError when the body is not a V2 reply."""
    try:
        header = orjson.loads(body[:header_length])
        return dict(_outputs(header["outputs"], memoryview(body)[header_length:]))
    except (KeyError, TypeError, struct.error) as error:
        raise ValueError(f"not a V2 reply: {error!r}") from error


def encode(tensor: Array) -> bytes:
    if tensor.dtype != np.object_:
        return tensor.tobytes()
    return b"".join(struct.pack("<I", len(value)) + value for value in tensor.reshape(-1))


def decode(datatype: str, shape: Sequence[int], data: bytes | memoryview) -> Array:
    """Raises ValueError when the data does not fill the shape, KeyError for a data type this package does not speak."""
    dtype = DTYPES[datatype]
    if dtype != np.object_:
        return np.frombuffer(data, dtype).reshape(shape)
    values = np.empty(int(np.prod(shape)), dtype=np.object_)
    values[:] = list(_elements(bytes(data)))
    return values.reshape(shape)


def _elements(data: bytes) -> Iterator[bytes]:
    at = 0
    while at < len(data):
        (length,) = struct.unpack_from("<I", data, at)
        yield data[at + 4 : at + 4 + length]
        at += 4 + length


def _outputs(outputs: Sequence[Mapping[str, Any]], data: memoryview) -> Iterator[tuple[str, Array]]:
    at = 0
    for output in outputs:
        size = output.get("parameters", {}).get("binary_data_size")
        if size is None:
            yield output["name"], _from_json(output)
        else:
            yield output["name"], decode(output["datatype"], output["shape"], data[at : at + size])
            at += size


def _from_json(output: Mapping[str, Any]) -> Array:
    dtype, values = DTYPES[output["datatype"]], output["data"]
    if dtype != np.object_:
        return np.array(values, dtype=dtype).reshape(output["shape"])
    if not all(isinstance(value, str) for value in values):
        raise ValueError(f"{output['name']} is BYTES but holds something that is not text")
    return np.array([value.encode() for value in values], dtype=dtype).reshape(output["shape"])
