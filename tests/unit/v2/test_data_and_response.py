"""V2's tensor data, requests and responses: round trips, and refusal of malformed data."""

import math
import struct
from collections.abc import Mapping
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_router.tensors import DATATYPES, Array, Tensors, text_tensor
from edge_router.v2.data import decode, encode
from edge_router.v2.request import encode_request
from edge_router.v2.response import decode_response

ELEMENTS: Mapping[str, st.SearchStrategy[Any]] = {
    "BYTES": st.binary(max_size=40) | st.just(b"ends in zeros\0\0"),
    "INT64": st.integers(-(2**63), 2**63 - 1),
    "FP32": st.floats(width=32),
}
DTYPES: Mapping[str, Any] = {"BYTES": np.object_, "INT64": np.int64, "FP32": np.float32}


@st.composite
def tensor(draw: st.DrawFn) -> Array:
    datatype = draw(st.sampled_from(sorted(ELEMENTS)))
    shape = draw(st.lists(st.integers(0, 4), min_size=1, max_size=3))
    size = math.prod(shape)
    flat = np.empty(size, dtype=DTYPES[datatype])
    for at, value in enumerate(draw(st.lists(ELEMENTS[datatype], min_size=size, max_size=size))):
        flat[at] = value
    return flat.reshape(shape)


def same(one: Array, other: Array) -> bool:
    """Equal to the bit; NaN equals NaN."""
    if one.dtype == np.object_:
        return one.shape == other.shape and one.tolist() == other.tolist()
    return (one.dtype, one.shape, one.tobytes()) == (other.dtype, other.shape, other.tobytes())


def response(tensors: Tensors) -> tuple[bytes, int]:
    """(body, length of its JSON part) of a server's response with binary outputs."""
    data = [encode(tensor) for tensor in tensors.values()]
    described = [
        {
            "name": name,
            "datatype": DATATYPES[tensor.dtype],
            "shape": list(tensor.shape),
            "parameters": {"binary_data_size": len(part)},
        }
        for (name, tensor), part in zip(tensors.items(), data, strict=True)
    ]
    header = msgspec.json.encode({"model_name": "m", "model_version": "1", "outputs": described})
    return header + b"".join(data), len(header)


def response_of(output: dict[str, Any], binary: bytes = b"") -> tuple[bytes, int]:
    """A response with one output, which may be malformed."""
    header = msgspec.json.encode({"outputs": [{"name": "OUTPUT"} | output]})
    return header + binary, len(header)


@given(tensor())
def test_a_tensor_is_decoded_as_it_was_encoded(sent: Array) -> None:
    assert same(sent, decode(DATATYPES[sent.dtype], sent.shape, encode(sent)))


@given(st.dictionaries(st.text(st.characters(exclude_categories=["Cs"]), min_size=1), tensor(), max_size=4))
def test_a_response_is_decoded_into_its_outputs_by_name(sent: dict[str, Array]) -> None:
    received = decode_response(*response(sent))
    assert received.keys() == sent.keys()
    assert all(same(sent[name], received[name]) for name in sent)


def test_bytes_are_encoded_as_in_the_protocol() -> None:
    assert encode(text_tensor(["ü".encode(), b""])) == b"\x02\0\0\0\xc3\xbc\0\0\0\0"


def test_a_request_describes_its_tensors_and_asks_for_binary_outputs() -> None:
    sent = {"INPUT": text_tensor([b"abc"]), "ids": np.array([[1, 2]], dtype=np.int64)}
    body, length = encode_request(sent, [{"name": "OUTPUT"}])
    header = msgspec.json.decode(body[:length])
    assert header["inputs"] == [
        {"name": "INPUT", "datatype": "BYTES", "shape": [1, 1], "parameters": {"binary_data_size": 7}},
        {"name": "ids", "datatype": "INT64", "shape": [1, 2], "parameters": {"binary_data_size": 16}},
    ]
    assert (header["parameters"], header["outputs"]) == ({"binary_data_output": True}, [{"name": "OUTPUT"}])
    assert body[length:] == b"\x03\0\0\0abc" + struct.pack("<qq", 1, 2)


def test_a_request_for_all_outputs_has_no_outputs_field() -> None:
    body, length = encode_request({"INPUT": text_tensor([b""])}, [])
    assert "outputs" not in msgspec.json.decode(body[:length])


@pytest.mark.parametrize(
    ("datatype", "data", "values"),
    [("BYTES", ["ü", "b"], [["ü".encode(), b"b"]]), ("INT64", [1, 2], [[1, 2]]), ("FP32", [0.5, 2], [[0.5, 2.0]])],
)
def test_outputs_in_json_are_read_like_binary_ones(datatype: str, data: list[Any], values: list[list[Any]]) -> None:
    output = decode_response(*response_of({"datatype": datatype, "shape": [1, 2], "data": data}))["OUTPUT"]
    assert (output.tolist(), output.dtype) == (values, DTYPES[datatype])


@pytest.mark.parametrize(
    ("body", "length"),
    [
        pytest.param(b"", 0, id="nothing"),
        pytest.param(b"<html>", 6, id="not JSON"),
        pytest.param(b"[]", 2, id="a list"),
        pytest.param(b"null", 4, id="null"),
        pytest.param(b"{}", 2, id="no outputs"),
        pytest.param(b'{"error": "no"}', 15, id="an error"),
        pytest.param(b'{"outputs": "no"}', 17, id="outputs a string"),
        pytest.param(b'{"outputs": [7]}', 16, id="output a number"),
        pytest.param(b'{"outputs": []}', 10, id="header cut"),
        pytest.param(b'{"outputs": []}xx', 17, id="header too long"),
    ],
)
def test_a_body_that_is_not_a_response_is_refused(body: bytes, length: int) -> None:
    with pytest.raises(ValueError, match=r"\S"):
        decode_response(body, length)


@pytest.mark.parametrize(
    ("data", "output"),
    [
        pytest.param(b"", {"datatype": "FP32", "shape": [1]}, id="no data at all"),
        pytest.param(b"", {"datatype": "FP32", "shape": [1], "parameters": None}, id="parameters null"),
        pytest.param(b"\0" * 4, {"datatype": "FP32", "shape": [2], "size": 4}, id="fewer floats than the shape"),
        pytest.param(b"\0" * 12, {"datatype": "FP32", "shape": [2], "size": 12}, id="more floats than the shape"),
        pytest.param(b"\0" * 7, {"datatype": "FP32", "shape": [2], "size": 7}, id="half a float"),
        pytest.param(b"\0" * 4, {"datatype": "FP32", "shape": [2], "size": 8}, id="floats cut off"),
        pytest.param(b"\0" * 8, {"datatype": "BF16", "shape": [4], "size": 8}, id="unknown data type"),
        pytest.param(b"\0" * 8, {"datatype": 7, "shape": [1], "size": 8}, id="data type a number"),
        pytest.param(b"\0" * 8, {"shape": [1], "size": 8}, id="no data type"),
        pytest.param(b"\0" * 8, {"datatype": "INT64", "size": 8}, id="no shape"),
        pytest.param(b"\0" * 8, {"datatype": "INT64", "shape": "1", "size": 8}, id="shape a string"),
        pytest.param(b"\0" * 8, {"datatype": "INT64", "shape": [1.5], "size": 8}, id="shape a fraction"),
        pytest.param(b"\0" * 8, {"datatype": "INT64", "shape": [-2], "size": 8}, id="shape negative"),
        pytest.param(b"\0" * 8, {"datatype": "INT64", "shape": [1], "size": "8"}, id="size a string"),
        pytest.param(b"\0" * 8, {"datatype": "INT64", "shape": [1], "size": -1}, id="size negative"),
        pytest.param(b"\1\0\0\0a", {"datatype": "BYTES", "shape": [2], "size": 5}, id="fewer strings than the shape"),
        pytest.param(b"\0" * 8, {"datatype": "BYTES", "shape": [1], "size": 8}, id="more strings than the shape"),
        pytest.param(b"\5\0\0\0a", {"datatype": "BYTES", "shape": [1], "size": 5}, id="string cut off"),
        pytest.param(b"\1\0\0", {"datatype": "BYTES", "shape": [1], "size": 3}, id="string's length cut off"),
        pytest.param(b"", {"datatype": "BYTES", "shape": [-1], "size": 0}, id="strings of a negative shape"),
        pytest.param(b"", {"datatype": "BYTES", "shape": [2**50], "size": 0}, id="more strings than memory"),
        pytest.param(b"", {"datatype": "INT64", "shape": [2], "data": [1]}, id="JSON shorter than the shape"),
        pytest.param(b"", {"datatype": "INT64", "shape": [1], "data": ["one"]}, id="JSON text for a number"),
        pytest.param(b"", {"datatype": "INT64", "shape": [1], "data": [2**63]}, id="JSON number over 64 bits"),
        pytest.param(b"", {"datatype": "INT64", "shape": [1], "data": None}, id="JSON data null"),
        pytest.param(b"", {"datatype": "BYTES", "shape": [1], "data": [7]}, id="JSON number for text"),
    ],
)
def test_a_malformed_output_is_refused(data: bytes, output: dict[str, Any]) -> None:
    if "size" in output:
        output = output | {"parameters": {"binary_data_size": output.pop("size")}}
    with pytest.raises(ValueError, match=r"\S"):
        decode_response(*response_of(output, data))


@given(st.binary(max_size=60), st.integers(-5, 70))
def test_random_bytes_are_refused(body: bytes, length: int) -> None:
    with pytest.raises(ValueError, match=r"\S"):
        decode_response(body, length)


@given(st.sampled_from(sorted(ELEMENTS)), st.lists(st.integers(0, 3), max_size=3), st.binary(max_size=40))
def test_random_data_fills_its_shape_or_is_refused(datatype: str, shape: list[int], data: bytes) -> None:
    try:
        tensor = decode(datatype, shape, data)
    except ValueError:
        return
    assert tensor.shape == tuple(shape)
    assert encode(tensor) == data
