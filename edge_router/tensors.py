"""Tensors of requests and responses in this process: numpy arrays by name, batch axis first.

BYTES tensors are object arrays of `bytes`, as in Triton's Python backend and client.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

Array: TypeAlias = NDArray[Any]
Tensors: TypeAlias = Mapping[str, Array]

DTYPES: Final[Mapping[str, "np.dtype[Any]"]] = {
    "BOOL": np.dtype(np.bool_),
    "UINT8": np.dtype(np.uint8),
    "UINT16": np.dtype(np.uint16),
    "UINT32": np.dtype(np.uint32),
    "UINT64": np.dtype(np.uint64),
    "INT8": np.dtype(np.int8),
    "INT16": np.dtype(np.int16),
    "INT32": np.dtype(np.int32),
    "INT64": np.dtype(np.int64),
    "FP16": np.dtype(np.float16),
    "FP32": np.dtype(np.float32),
    "FP64": np.dtype(np.float64),
    "BYTES": np.dtype(np.object_),
}
"""numpy's data types by their V2 names; numpy has no BF16."""

DATATYPES: Final[Mapping["np.dtype[Any]", str]] = {dtype: name for name, dtype in DTYPES.items()}


def text_tensor(rows: Sequence[bytes]) -> Array:
    """`rows` as a BYTES tensor of shape [len(rows), 1]."""
    tensor = np.empty((len(rows), 1), dtype=np.object_)
    tensor[:, 0] = rows
    return tensor


def padded(rows: Sequence[Sequence[int] | Array], tokens: int) -> tuple[Array, Array]:
    """Pads rows of token ids with zeros: ids and mask INT64 [rows, tokens]."""
    ids = np.zeros((len(rows), tokens), dtype=np.int64)
    mask = np.zeros_like(ids)
    for at, row in enumerate(rows):
        ids[at, : len(row)] = row
        mask[at, : len(row)] = 1
    return ids, mask
