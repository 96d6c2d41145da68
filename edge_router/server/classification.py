"""The classification extension: instead of a tensor, its best classes as text, "value:index:label".

https://github.com/triton-inference-server/server/blob/main/docs/protocol/extension_classification.md
"""

import math
from collections.abc import Sequence

import numpy as np

from edge_router.errors import RequestError
from edge_router.tensors import DATATYPES, Array


def classes(name: str, tensor: Array, count: int, labels: Sequence[str], *, batched: bool) -> Array:
    """BYTES [rows, classes], best class first; without a batch axis [classes]. A class beyond `labels` has none.

    Raises RequestError for an output that is text.
    """
    if tensor.dtype == np.object_:
        raise RequestError(f"output {name} is {DATATYPES[tensor.dtype]}, which has no classes; ask for it as it is")
    shape = tensor.shape[:1] if batched else ()
    rows = tensor.reshape(math.prod(shape), -1)
    best = np.argsort(-rows.astype(np.float64), axis=1, kind="stable")[:, :count]
    found = np.empty(best.shape, dtype=np.object_)
    for row, column in np.ndindex(*best.shape):
        index = int(best[row, column])
        found[row, column] = _class(rows[row, index], index, labels)
    return found.reshape(*shape, best.shape[1])


def _class(value: np.generic, index: int, labels: Sequence[str]) -> bytes:
    number = f"{value:f}" if isinstance(value, np.floating) else f"{value}"
    label = f":{labels[index]}" if index < len(labels) else ""
    return f"{number}:{index}{label}".encode()
