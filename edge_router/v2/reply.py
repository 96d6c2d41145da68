"""An inference reply and its form over HTTP."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import msgspec

from edge_router.errors import RequestError
from edge_router.tensors import DATATYPES, Array
from edge_router.v2.data import decode, decode_json, encode, encode_json
from edge_router.v2.request import Size


@dataclass(frozen=True)
class InferReply:
    """`binary`: names of the outputs that travel as binary data over HTTP."""

    model: str
    version: int
    outputs: Mapping[str, Array]
    id: str = ""
    parameters: Mapping[str, bool | int] = field(default_factory=dict)
    binary: frozenset[str] = frozenset()


class OutputParameters(msgspec.Struct, frozen=True):
    binary_data_size: Size | None = None


class Output(msgspec.Struct, frozen=True):
    """One output of a reply: its data is in `data`, or behind the JSON where a size is given."""

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
    parameters: OutputParameters = OutputParameters()
    data: list[Any] = []


class Header(msgspec.Struct, frozen=True):
    outputs: list[Output]


def encode_reply(reply: InferReply) -> tuple[bytes, int]:
    """(body, length of its JSON part). Raises RequestError where a value has no form in JSON."""
    described, data = [], []
    for name, tensor in reply.outputs.items():
        output: dict[str, Any] = {"name": name, "datatype": DATATYPES[tensor.dtype], "shape": tensor.shape}
        if name in reply.binary:
            data.append(encode(tensor))
            output["parameters"] = {"binary_data_size": len(data[-1])}
        else:
            output["data"] = _as_json(name, tensor)
        described.append(output)
    header: dict[str, Any] = {"id": reply.id} if reply.id else {}
    header |= {"model_name": reply.model, "model_version": str(reply.version)}
    if reply.parameters:
        header["parameters"] = reply.parameters
    text = msgspec.json.encode(header | {"outputs": described})
    return b"".join([text, *data]), len(text)


def decode_reply(body: bytes, header_length: int) -> dict[str, Array]:
    """Outputs by name. Raises ValueError when the body is not a V2 reply."""
    try:
        reply = msgspec.json.decode(body[:header_length], type=Header)
    except (msgspec.DecodeError, RecursionError) as error:
        raise ValueError(f"not a V2 reply: {error}") from error
    return dict(_tensors(reply.outputs, memoryview(body)[header_length:]))


def _as_json(name: str, tensor: Array) -> list[Any]:
    try:
        return encode_json(tensor)
    except ValueError as error:
        raise RequestError(f"output {name}: {error}") from None


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
    try:
        return decode_json(output.datatype, output.shape, output.data)
    except ValueError as error:
        raise ValueError(f"{output.name}: {error}") from error
