"""Inference responses, encoded and decoded as HTTP bodies."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import msgspec

from edge_router.errors import RequestError
from edge_router.tensors import DATATYPES, Array
from edge_router.v2.data import decode, decode_json, encode, encode_json
from edge_router.v2.request import Size


@dataclass(frozen=True)
class InferResponse:
    """The response to an InferRequest. `binary`: names of the outputs that are sent as binary data over HTTP."""

    model: str
    version: int
    outputs: Mapping[str, Array]
    id: str = ""
    parameters: Mapping[str, bool | int] = field(default_factory=dict)
    binary: frozenset[str] = frozenset()


class ResponseOutputParameters(msgspec.Struct, frozen=True):
    """Parameters of an output in a response's JSON."""

    binary_data_size: Size | None = None


class ResponseOutput(msgspec.Struct, frozen=True):
    """An output in a response's JSON. Its data is in `data`, or after the JSON when `binary_data_size` is set."""

    name: str
    datatype: Literal[
        "BOOL",
        "UINT8",
        "UINT16",
        "UINT32",
        "UINT64",
        "INT8",
        "INT16",
        "INT32",
        "INT64",
        "FP16",
        "FP32",
        "FP64",
        "BYTES",
    ]
    shape: list[Size]
    parameters: ResponseOutputParameters = ResponseOutputParameters()
    data: list[Any] = []


class ResponseHeader(msgspec.Struct, frozen=True):
    """The JSON part of a response."""

    outputs: list[ResponseOutput]


def encode_response(response: InferResponse) -> tuple[bytes, int]:
    """Returns (body, length of its JSON part). Raises RequestError when JSON cannot hold a value."""
    descriptions, data = [], []
    for name, tensor in response.outputs.items():
        output: dict[str, Any] = {"name": name, "datatype": DATATYPES[tensor.dtype], "shape": tensor.shape}
        if name in response.binary:
            data.append(encode(tensor))
            output["parameters"] = {"binary_data_size": len(data[-1])}
        else:
            output["data"] = _as_json(name, tensor)
        descriptions.append(output)
    header: dict[str, Any] = {"id": response.id} if response.id else {}
    header |= {"model_name": response.model, "model_version": str(response.version)}
    if response.parameters:
        header["parameters"] = response.parameters
    text = msgspec.json.encode(header | {"outputs": descriptions})
    return b"".join([text, *data]), len(text)


def decode_response(body: bytes, header_length: int) -> dict[str, Array]:
    """The outputs by name. Raises ValueError when the body is not a V2 response."""
    try:
        header = msgspec.json.decode(body[:header_length], type=ResponseHeader)
    except (msgspec.DecodeError, RecursionError) as error:
        raise ValueError(f"not a V2 response: {error}") from error
    return dict(_tensors(header.outputs, memoryview(body)[header_length:]))


def _as_json(name: str, tensor: Array) -> list[Any]:
    try:
        return encode_json(tensor)
    except ValueError as error:
        raise RequestError(f"output {name}: {error}") from None


def _tensors(outputs: Sequence[ResponseOutput], data: memoryview) -> Iterator[tuple[str, Array]]:
    at = 0
    for output in outputs:
        size = output.parameters.binary_data_size
        if size is None:
            yield output.name, _from_json(output)
        else:
            yield output.name, decode(output.datatype, output.shape, data[at : at + size])
            at += size


def _from_json(output: ResponseOutput) -> Array:
    try:
        return decode_json(output.datatype, output.shape, output.data)
    except ValueError as error:
        raise ValueError(f"{output.name}: {error}") from error
