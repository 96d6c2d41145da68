"""A model's signature: the types of its inputs and outputs, and the check of a request against them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Self

from edge_router.errors import RepositoryError, RequestError
from edge_router.repository.schema import DataType, ModelConfig, ModelInput, ModelOutput
from edge_router.tensors import DATATYPES, DTYPES, Array, Tensors

ANY = -1
"""A free dimension."""


@dataclass(frozen=True)
class TensorType:
    """A tensor's data type, by its V2 name, and its shape without the batch axis; ANY = a free dimension."""

    datatype: str
    shape: tuple[int, ...]

    def accepts(self, datatype: str, shape: Sequence[int]) -> bool:
        fits = all(declared in (ANY, given) for declared, given in zip(self.shape, shape, strict=False))
        return self.datatype == datatype and len(self.shape) == len(shape) and fits

    def __str__(self) -> str:
        return f"{self.datatype} {list(self.shape)}"


@dataclass(frozen=True)
class Signature:
    """Types of a model's inputs and outputs by name. `max_batch_size` 0 = the tensors have no batch axis."""

    model: str
    max_batch_size: int
    inputs: dict[str, TensorType]
    outputs: dict[str, TensorType]

    @classmethod
    def of(cls, model: str, config: ModelConfig) -> Self:
        return cls(model, config.max_batch_size, _types(model, config.input), _types(model, config.output))

    def rows(self, request: Tensors) -> int:
        """The number of rows in a request; 1 without a batch axis."""
        return max((len(tensor) for tensor in request.values() if tensor.ndim), default=1) if self.max_batch_size else 1

    def check(self, request: Tensors) -> None:
        """Raises RequestError when a name, data type, shape or batch size does not fit the model."""
        if missing := sorted(set(self.inputs) - set(request)):
            raise RequestError(f"{self.model}: input {', '.join(missing)} is missing")
        if unknown := sorted(set(request) - set(self.inputs)):
            raise RequestError(f"{self.model}: unknown input {', '.join(unknown)}; it takes {', '.join(self.inputs)}")
        if self.max_batch_size:
            self._check_rows(request)
        for name, declared in self.inputs.items():
            given = TensorType(DATATYPES[request[name].dtype], self._row_shape(request[name]))
            if not declared.accepts(given.datatype, given.shape):
                per = " a row" if self.max_batch_size else ""
                raise RequestError(f"{self.model}: {name} is {given}{per}; it takes {declared}")

    def _check_rows(self, request: Tensors) -> None:
        rows = {len(tensor) if tensor.ndim else 0 for tensor in request.values()}
        if len(rows) != 1 or not 1 <= min(rows) <= self.max_batch_size:
            raise RequestError(
                f"{self.model}: {' and '.join(map(str, sorted(rows)))} rows; "
                f"send 1 to {self.max_batch_size} rows, the same number for every input"
            )

    def _row_shape(self, tensor: Array) -> tuple[int, ...]:
        return tensor.shape[1:] if self.max_batch_size else tensor.shape


def _types(model: str, tensors: Iterable[ModelInput | ModelOutput]) -> dict[str, TensorType]:
    types = {}
    for tensor in tensors:
        name = DataType.Name(tensor.data_type).removeprefix("TYPE_")
        datatype = "BYTES" if name == "STRING" else name
        if datatype not in DTYPES:
            raise RepositoryError(f"{model}: {tensor.name} has data type TYPE_{name}, which is not supported")
        types[tensor.name] = TensorType(datatype, tuple(tensor.dims))
    return types
