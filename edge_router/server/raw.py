"""Raw binary requests: the body is the data of the model's only input, without its shape.

https://github.com/triton-inference-server/server/blob/main/docs/protocol/extension_binary_data.md#raw-binary-request
"""

import math

from edge_router.errors import RequestError
from edge_router.pipeline.signature import ANY, Signature, TensorType
from edge_router.tensors import DTYPES, Array, text_tensor
from edge_router.v2.data import decode
from edge_router.v2.request import InferRequest


def raw_request(signature: Signature, body: bytes) -> InferRequest:
    """A request of one row; a single free dimension gets its size from the length of the body.

    Raises RequestError when the shape is ambiguous.
    """
    if len(signature.inputs) != 1:
        raise RequestError(
            f"{signature.model}: a raw request needs a model of one input; this one takes {', '.join(signature.inputs)}"
        )
    [(name, expected)] = signature.inputs.items()
    rows = [1] if signature.max_batch_size else []
    try:
        return InferRequest({name: _tensor(expected, rows, body)}, binary=True)
    except ValueError as error:
        raise RequestError(f"{signature.model}: raw request, input {name}: {error}") from None


def _tensor(expected: TensorType, rows: list[int], body: bytes) -> Array:
    fixed = math.prod(size for size in expected.shape if size != ANY)
    if expected.datatype == "BYTES":
        if fixed != 1:
            raise ValueError("it takes more than one string; send a JSON request, which gives the shape")
        return text_tensor([body]).reshape([*rows, *(1 for _ in expected.shape)])
    if expected.shape.count(ANY) > 1:
        raise ValueError("it has more than one free dimension; send a JSON request, which gives the shape")
    free = len(body) // max(fixed * DTYPES[expected.datatype].itemsize, 1)
    return decode(expected.datatype, [*rows, *(free if size == ANY else size for size in expected.shape)], body)
