"""Inference requests, encoded and decoded as HTTP bodies.

Format: https://github.com/kserve/open-inference-protocol/blob/main/specification/protocol/inference_rest.md with
Triton's extensions for binary data, classification and parameters.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, NamedTuple, TypeAlias

import msgspec

from edge_router.errors import RequestError
from edge_router.tensors import DATATYPES, DTYPES, Array, Tensors
from edge_router.v2.data import decode, decode_json, encode

Size: TypeAlias = Annotated[int, msgspec.Meta(ge=0)]


class RequestedOutput(NamedTuple):
    """An output that the client requests. `classes`: 0 = the tensor itself, N = its N best classes as text. `binary`:
    sent as binary data over HTTP."""

    name: str
    classes: int = 0
    binary: bool = False


@dataclass(frozen=True)
class InferRequest:
    """An inference request of any protocol. `outputs`: empty = all, as binary data if `binary` is set. `timeout` in
    seconds."""

    inputs: Tensors
    outputs: Sequence[RequestedOutput] = ()
    id: str = ""
    timeout: float | None = None
    binary: bool = False


class InputParameters(msgspec.Struct, frozen=True):
    """Parameters of an input in a request's JSON."""

    binary_data_size: Size | None = None
    shared_memory_region: str | None = None


class RequestInput(msgspec.Struct, frozen=True):
    """An input in a request's JSON."""

    name: str
    datatype: str
    shape: list[Size]
    parameters: InputParameters | None = None
    data: list[Any] | None = None


class OutputParameters(msgspec.Struct, frozen=True):
    """Parameters of a requested output in a request's JSON."""

    binary_data: bool = False
    classification: Size = 0
    shared_memory_region: str | None = None


class RequestOutput(msgspec.Struct, frozen=True):
    """A requested output in a request's JSON."""

    name: str
    parameters: OutputParameters | None = None


class RequestParameters(msgspec.Struct, frozen=True):
    """Parameters of a whole request."""

    binary_data_output: bool = False
    timeout: Size = 0
    """In microseconds; 0 = the server's own deadline only."""


class RequestHeader(msgspec.Struct, frozen=True):
    """The JSON part of a request."""

    inputs: list[RequestInput]
    outputs: list[RequestOutput] = []
    id: str = ""
    parameters: dict[str, str | bool | int | float] = {}


_HEADER = msgspec.json.Decoder(RequestHeader)


def decode_request(body: bytes, header_length: int) -> InferRequest:
    """Decodes an HTTP body. `header_length`: length of its JSON part. Raises RequestError."""
    try:
        header = _HEADER.decode(memoryview(body)[:header_length])
        parameters = msgspec.convert(header.parameters, RequestParameters)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise RequestError(f"not a V2 request: {error}") from None
    return InferRequest(
        _inputs(header.inputs, memoryview(body)[header_length:]),
        [_requested(output) for output in header.outputs],
        header.id,
        parameters.timeout / 1e6 or None,
        parameters.binary_data_output,
    )


def encode_request(inputs: Tensors, outputs: Sequence[Mapping[str, Any]]) -> tuple[bytes, int]:
    """Returns (body, length of its JSON part). `outputs`: as in the protocol's JSON; empty = all."""
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


def _inputs(descriptions: Sequence[RequestInput], data: memoryview) -> Tensors:
    """The inputs by name. `data`: the binary data of those that have it, in their order."""
    inputs: dict[str, Array] = {}
    at = 0
    for each in descriptions:
        size = each.parameters.binary_data_size if each.parameters else None
        if each.name in inputs:
            raise RequestError(f"input {each.name} is given twice")
        inputs[each.name] = _input(each, data[at : at + size] if size is not None else None)
        at += size or 0
    if at != len(data):
        raise RequestError(f"the inputs announce {at} bytes of binary data; {len(data)} follow the JSON part")
    return inputs


def _input(each: RequestInput, data: memoryview | None) -> Array:
    if each.parameters and each.parameters.shared_memory_region is not None:
        raise RequestError(f"input {each.name}: shared memory is not supported; send its data")
    if each.datatype not in DTYPES:
        raise RequestError(f"input {each.name}: unknown data type {each.datatype!r}; send one of {', '.join(DTYPES)}")
    try:
        if data is not None:
            return decode(each.datatype, each.shape, data)
        if each.data is not None:
            return decode_json(each.datatype, each.shape, each.data)
    except ValueError as error:
        raise RequestError(f"input {each.name}: {error}") from None
    raise RequestError(f"input {each.name} has neither data nor binary_data_size")


def _requested(output: RequestOutput) -> RequestedOutput:
    parameters = output.parameters or OutputParameters()
    if parameters.shared_memory_region is not None:
        raise RequestError(f"output {output.name}: shared memory is not supported; leave shared_memory_region out")
    return RequestedOutput(output.name, parameters.classification, parameters.binary_data)
