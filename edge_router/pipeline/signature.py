"""What a model takes and gives, and whether a request fits it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np

from edge_router.errors import RepositoryError, RequestError
from edge_router.repository.schema import DataType, ModelConfig, ModelInput, ModelOutput
from edge_router.tensors import Tensors

DTYPES = {
    DataType.TYPE_STRING: np.dtype(np.object_),
    DataType.TYPE_INT64: np.dtype(np.int64),
    DataType.TYPE_INT32: np.dtype(np.int32),
    DataType.TYPE_FP32: np.dtype(np.float32),
}
"""The data types that this package's stages speak."""

ANY = -1


@dataclass(frozen=True)
class TensorType:
    """`shape` without the batch axis; ANY where a dimension is free."""

    dtype: "np.dtype[np.generic]"
    shape: tuple[int, ...]

    def takes(self, dtype: "np.dtype[np.generic]", shape: Sequence[int]) -> bool:
        fits = all(want in (ANY, got) for want, got in zip(self.shape, shape, strict=False))
        return self.dtype == dtype and len(self.shape) == len(shape) and fits


@dataclass(frozen=True)
class Signature:
    model: str
    max_batch_size: int
    inputs: dict[str, TensorType]
    outputs: dict[str, TensorType]

    @classmethod
    def of(cls, model: str, config: ModelConfig) -> Self:
        return cls(model, config.max_batch_size, _types(model, config.input), _types(model, config.output))

    def check(self, request: Tensors) -> None:
        """Raises RequestError when a name, data type, shape or batch size is not what the model takes."""
        if missing := sorted(set(self.inputs) - set(request)):
            raise RequestError(f"{self.model}: input {', '.join(missing)} is missing")
        if unknown := sorted(set(request) - set(self.inputs)):
            raise RequestError(f"{self.model}: unknown input {', '.join(unknown)}; it takes {', '.join(self.inputs)}")
        rows = {len(tensor) if tensor.ndim else 0 for tensor in request.values()}
        if len(rows) != 1 or not 1 <= min(rows) <= self.max_batch_size:
            raise RequestError(
                f"{self.model}: {' and '.join(map(str, sorted(rows)))} rows; "
                f"send 1 to {self.max_batch_size}, equally many for all inputs"
            )
        for name, wanted in self.inputs.items():
            got = request[name]
            if not wanted.takes(got.dtype, got.shape[1:]):
                raise RequestError(
                    f"{self.model}: {name} is {got.dtype} {list(got.shape[1:])} a row; "
                    f"it takes {wanted.dtype} {list(wanted.shape)}"
                )


def _types(model: str, tensors: Iterable[ModelInput | ModelOutput]) -> dict[str, TensorType]:
    types = {}
    for tensor in tensors:
        if tensor.data_type not in DTYPES:
            raise RepositoryError(f"{model}: {tensor.name} is {DataType.Name(tensor.data_type)}, which no stage speaks")
        types[tensor.name] = TensorType(DTYPES[tensor.data_type], tuple(tensor.dims))
    return types
