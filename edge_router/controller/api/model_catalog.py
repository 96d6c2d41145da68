"""The models that a client may name: `auto`, the policies, and the models of the upstreams."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self

from edge_router.controller.api.operation import Operation
from edge_router.errors import NotFoundError

ROUTER = "edge-router"
SHOWN_CHARS = 80
"""Characters of an unknown name that a message repeats."""


class ModelNotFoundError(NotFoundError):
    code = "model_not_found"

    @classmethod
    def named(cls, name: str) -> Self:
        return cls(f"model {name[:SHOWN_CHARS]!r} is not served here; GET /v1/models lists the models")


@dataclass(frozen=True)
class Model:
    """`owner`: this router, or the upstream that serves it. `context` in tokens, if the configuration says it."""

    name: str
    owner: str
    operations: frozenset[Operation]
    context: int | None = None


class ModelCatalog:
    """Lists each name once: first `auto` and the policies, then the models of the upstreams."""

    def __init__(self, routed_names: Iterable[str], served: Iterable[Model]) -> None:
        """`routed_names`: `auto` and the policies. `served`: models of the upstreams that are up."""
        served = list(served)
        operations = frozenset[Operation]().union(*(model.operations for model in served))
        self._models: dict[str, Model] = {}
        for model in (*(Model(name, ROUTER, operations) for name in routed_names), *served):
            self._models.setdefault(model.name, model)

    def models(self) -> list[Model]:
        return list(self._models.values())

    def model(self, name: str) -> Model:
        """Accepts a name with or without Ollama's tag `:latest`. Raises ModelNotFoundError."""
        found = self._models.get(name) or self._models.get(name.removesuffix(":latest"))
        if found is None:
            raise ModelNotFoundError.named(name)
        return found
