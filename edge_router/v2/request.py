"""An inference request: what is asked, and its form over HTTP.

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
    """`classes` 0 = the tensor itself, else its best so many classes as text. `binary`: its form over HTTP."""

    name: str
    classes: int = 0
    binary: bool = False


@dataclass(frozen=True)
class InferRequest:
    """`outputs` empty = all of them, in the form that `binary` says. `timeout` in seconds."""

    inputs: Tensors
    outputs: Sequence[RequestedOutput] = ()
    id: str = ""
    timeout: float | None = None
    binary: bool = False


class InputParameters(msgspec.Struct, frozen=True):
    binary_data_size: Size | None = None
    shared_memory_region: str | None = None


class Input(msgspec.Struct, frozen=True):
    name: str
    datatype: str
    shape: list[Size]
    parameters: InputParameters | None = None
    data: list[Any] | None = None


class OutputParameters(msgspec.Struct, frozen=True):
    binary_data: bool = False
    classification: Size = 0
    shared_memory_region: str | None = None


class Output(msgspec.Struct, frozen=True):
    name: str
    parameters: OutputParameters | None = None


class Parameters(msgspec.Struct, frozen=True):
    binary_data_output: bool = False
    timeout: Size = 0
    """Microseconds; 0 = the server's own limit alone."""


class Header(msgspec.Struct, frozen=True):
    inputs: list[Input]
    outputs: list[Output] = []
    id: str = ""
    parameters: dict[str, str | bool | int | float] = {}


_HEADER = msgspec.json.Decoder(Header)


def decode_request(body: bytes, header_length: int) -> InferRequest:
    """`header_length`: of the JSON part at the start of `body`. Raises RequestError saying what is wrong where."""
    try:
        header = _HEADER.decode(memoryview(body)[:header_length])
        parameters = msgspec.convert(header.parameters, Parameters)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise RequestError(f"the request is not V2: {error}") from None
    return InferRequest(
        _inputs(header.inputs, memoryview(body)[header_length:]),
        [_requested(output) for output in header.outputs],
        header.id,
        parameters.timeout / 1e6 or None,
        parameters.binary_data_output,
    )


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


def _inputs(described: Sequence[Input], data: memoryview) -> Tensors:
    """Binary data stands in the order of the inputs that have it."""
    inputs: dict[str, Array] = {}
    at = 0
    for each in described:
        size = each.parameters.binary_data_size if each.parameters else None
        if each.name in inputs:
            raise RequestError(f"input {each.name} is given twice")
        inputs[each.name] = _input(each, data[at : at + size] if size is not None else None)
        at += size or 0
    if at != len(data):
        raise RequestError(f"the inputs announce {at} bytes of binary data; {len(data)} follow the JSON part")
    return inputs


def _input(each: Input, data: memoryview | None) -> Array:
    if each.parameters and each.parameters.shared_memory_region is not None:
        raise RequestError(f"input {each.name}: shared memory is not offered here; send its data")
    if each.datatype not in DTYPES:
        raise RequestError(f"input {each.name}: data type {each.datatype!r} is none of {', '.join(DTYPES)}")
    try:
        if data is not None:
            return decode(each.datatype, each.shape, data)
        if each.data is not None:
            return decode_json(each.datatype, each.shape, each.data)
    except ValueError as error:
        raise RequestError(f"input {each.name}: {error}") from None
    raise RequestError(f"input {each.name} has neither data nor binary_data_size")


def _requested(output: Output) -> RequestedOutput:
    asked = output.parameters or OutputParameters()
    if asked.shared_memory_region is not None:
        raise RequestError(f"output {output.name}: shared memory is not offered here")
    return RequestedOutput(output.name, asked.classification, asked.binary_data)
