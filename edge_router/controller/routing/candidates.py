"""Selects the upstreams that may and can answer a request."""

from collections.abc import Callable, Mapping, Sequence

from edge_router.controller.api import KINDS
from edge_router.controller.config import UpstreamConfig
from edge_router.controller.routing.errors import LocalOnlyError, NotAllowedError, UnsupportedOperationError
from edge_router.controller.routing.evaluation import Evaluation


class Candidates:
    """The candidates for one request."""

    def __init__(self, upstreams: Mapping[str, UpstreamConfig], evaluation: Evaluation, local_only: bool) -> None:
        self._upstreams = upstreams
        self._evaluation = evaluation
        self._local_only = local_only

    def select(self, names: Sequence[str]) -> list[str]:
        """The members of `names` that may and can answer; at least one.

        Raises LocalOnlyError, NotAllowedError or UnsupportedOperationError when there is none.
        """
        permitted = [name for name in names if self._permits(name)]
        if not permitted:
            raise LocalOnlyError(
                f"this request must stay on this device or the local network, and {' and '.join(names)} would send it "
                f"elsewhere; {self._local_remedy()}"
            )
        allowed = [name for name in permitted if self._allows(name)]
        if not allowed:
            raise NotAllowedError(
                f"this access key may not use {' or '.join(permitted)}; ask for a model that it may use"
            )
        able = [name for name in allowed if self._supports(name)]
        if not able:
            raise UnsupportedOperationError(self._unsupported(allowed))
        return self._large_enough(able)

    def is_able(self, name: str) -> bool:
        """True when the upstream is up, may answer and can answer."""
        return (
            self._evaluation.context.is_up(name)
            and self._permits(name)
            and self._allows(name)
            and self._supports(name)
            and self._fits(name)
        )

    def _permits(self, name: str) -> bool:
        return not self._local_only or self._upstreams[name].is_local

    def _allows(self, name: str) -> bool:
        return self._evaluation.context.caller.may_use(name, self._upstreams[name].model)

    def _supports(self, name: str) -> bool:
        upstream, request = self._upstreams[name], self._evaluation.request
        if request.operation in upstream.operations:
            return True
        return request.to_upstream(upstream.operations, upstream.model) is not None

    def _fits(self, name: str) -> bool:
        context = self._upstreams[name].context
        if context is None:
            return True
        features = self._evaluation.features
        return features.tokens + features.answer_tokens <= context

    def _large_enough(self, names: list[str]) -> list[str]:
        """The upstreams whose context is large enough; if there is none, the one with the largest context."""
        return [name for name in names if self._fits(name)] or [max(names, key=self._context)]

    def _context(self, name: str) -> int:
        return self._upstreams[name].context or 0

    def _others(self, is_usable: Callable[[str], bool]) -> str:
        return ", ".join(name for name in self._upstreams if is_usable(name))

    def _local_remedy(self) -> str:
        if others := self._others(self._permits):
            return f"ask for {others}"
        return "add an upstream on this device, or mark one of the local network with `local: true` in routes.yaml"

    def _unsupported(self, names: Sequence[str]) -> str:
        operation = self._evaluation.request.operation
        problem = f"{' and '.join(names)} cannot answer {operation}"
        if others := self._others(lambda name: self._permits(name) and self._allows(name) and self._supports(name)):
            return f"{problem}; ask for {others}"
        kinds = [kind for kind, properties in KINDS.items() if operation in properties.paths]
        return (
            f"{problem}, nor can any other upstream; in routes.yaml, add `speaks: [{operation}]` to one that "
            f"can, of kind {' or '.join(kinds)}"
        )
