"""The models that a client may name: `auto`, the policies, and what the upstreams serve."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from edge_router.contract import AUTO_MODEL
from edge_router.controller.api.operation import Operation
from edge_router.controller.caller import Caller
from edge_router.controller.config import RouterConfig
from edge_router.controller.routing.errors import ModelNotFoundError

OURS = "edge-router"
SHOWN = 80
"""Characters of a name that a message repeats."""


@dataclass(frozen=True)
class Model:
    """`owner`: this router, or the upstream that serves it. `context` in tokens, where the routes say."""

    name: str
    owner: str
    operations: frozenset[Operation]
    context: int | None = None


class ModelCatalog:
    """As one caller may see it now: a model that no living upstream serves is not there."""

    def __init__(self, routes: RouterConfig, up: Callable[[str], bool], caller: Caller) -> None:
        self._routes = routes
        self._up = up
        self._caller = caller

    def models(self) -> list[Model]:
        served = list(self._served())
        operations = frozenset[Operation]().union(*(model.operations for model in served))
        listed: dict[str, Model] = {}
        for model in (*(Model(name, OURS, operations) for name in (AUTO_MODEL, *self._routes.policies)), *served):
            listed.setdefault(model.name, model)
        return list(listed.values())

    def model(self, name: str) -> Model:
        """With Ollama's tag or without. Raises NoModelError."""
        known = {model.name: model for model in self.models()}
        found = known.get(name) or known.get(name.removesuffix(":latest"))
        if found is None:
            raise ModelNotFoundError(f"model {name[:SHOWN]!r} is not served here; GET /v1/models lists what is")
        return found

    def _served(self) -> Iterator[Model]:
        for name, upstream in self._routes.upstreams.items():
            if self._up(name) and self._caller.may_use(name, upstream.model):
                yield Model(upstream.model, name, upstream.operations, upstream.context)
