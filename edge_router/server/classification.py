"""The classification extension: an output's best classes as text, "value:index:label", instead of the tensor.

https://github.com/triton-inference-server/server/blob/main/docs/protocol/extension_classification.md
"""

import math
from collections.abc import Sequence

import numpy as np

from edge_router.errors import RequestError
from edge_router.tensors import DATATYPES, Array


def top_classes(name: str, tensor: Array, count: int, labels: Sequence[str], *, batched: bool) -> Array:
    """The `count` best classes as BYTES [rows, classes], best first; without a batch axis [classes].

    A class whose index is beyond `labels` has no label. Raises RequestError for an output that is text.
    """
    if tensor.dtype == np.object_:
        raise RequestError(
            f"output {name} is {DATATYPES[tensor.dtype]}, which has no classes; request it without classification"
        )
    shape = tensor.shape[:1] if batched else ()
    rows = tensor.reshape(math.prod(shape), -1)
    best = np.argsort(-rows.astype(np.float64), axis=1, kind="stable")[:, :count]
    classes = np.empty(best.shape, dtype=np.object_)
    for row, column in np.ndindex(*best.shape):
        index = int(best[row, column])
        classes[row, column] = _class_text(rows[row, index], index, labels)
    return classes.reshape(*shape, best.shape[1])


def _class_text(value: np.generic, index: int, labels: Sequence[str]) -> bytes:
    number = f"{value:f}" if isinstance(value, np.floating) else f"{value}"
    label = f":{labels[index]}" if index < len(labels) else ""
    return f"{number}:{index}{label}".encode()
