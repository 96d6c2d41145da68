"""A raw binary request: the body is the data of the model's only input, and nothing says its shape.

https://github.com/triton-inference-server/server/blob/main/docs/protocol/extension_binary_data.md#raw-binary-request
"""

import math

from edge_router.errors import RequestError
from edge_router.pipeline.signature import ANY, Signature, TensorType
from edge_router.tensors import DTYPES, Array, text_tensor
from edge_router.v2.data import decode
from edge_router.v2.request import InferRequest


def raw_request(signature: Signature, body: bytes) -> InferRequest:
    """One row; a single free dimension is as long as the body makes it. Raises RequestError where that is not clear."""
    if len(signature.inputs) != 1:
        raise RequestError(
            f"{signature.model}: a raw request fits a model of one input; this one takes {', '.join(signature.inputs)}"
        )
    [(name, wanted)] = signature.inputs.items()
    rows = [1] if signature.max_batch_size else []
    try:
        return InferRequest({name: _tensor(wanted, rows, body)}, binary=True)
    except ValueError as error:
        raise RequestError(f"{signature.model}: raw request, input {name}: {error}") from None


def _tensor(wanted: TensorType, rows: list[int], body: bytes) -> Array:
    fixed = math.prod(size for size in wanted.shape if size != ANY)
    if wanted.datatype == "BYTES":
        if fixed != 1:
            raise ValueError("it takes more than one string; send a request that says its shape")
        return text_tensor([body]).reshape([*rows, *(1 for _ in wanted.shape)])
    if wanted.shape.count(ANY) > 1:
        raise ValueError("more than one dimension is free; send a request that says its shape")
    free = len(body) // max(fixed * DTYPES[wanted.datatype].itemsize, 1)
    return decode(wanted.datatype, [*rows, *(free if size == ANY else size for size in wanted.shape)], body)
