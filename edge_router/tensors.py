"""The one in-process form of a request or a reply: named numpy arrays, batch axis first.

BYTES tensors are object arrays of `bytes`, as Triton's Python backend and its client hold them.
"""

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

Array: TypeAlias = NDArray[Any]
Tensors: TypeAlias = Mapping[str, Array]


def text_tensor(rows: Sequence[bytes]) -> Array:
    """`rows` as a BYTES tensor of shape [len(rows), 1]."""
    tensor = np.empty((len(rows), 1), dtype=np.object_)
    tensor[:, 0] = rows
    return tensor
