"""Which upstreams may and can answer a request."""

from collections.abc import Callable, Mapping, Sequence

from edge_router.controller.api.operation import KINDS
from edge_router.controller.config import UpstreamConfig
from edge_router.controller.routing.errors import LocalOnlyError, NotAllowedError, NotSpokenError
from edge_router.controller.routing.evaluation import Evaluation


class Candidates:
    """Of one request."""

    def __init__(self, upstreams: Mapping[str, UpstreamConfig], evaluation: Evaluation, local_only: bool) -> None:
        self._upstreams = upstreams
        self._view = evaluation
        self._local_only = local_only

    def of(self, names: Sequence[str]) -> list[str]:
        """Those of `names` that may answer and can, at least one. Raises LocalOnlyError, NotAllowedError,
        NotSpokenError."""
        stays = [name for name in names if self._stays(name)]
        if not stays:
            raise LocalOnlyError(
                f"this request must not leave the house, and {' and '.join(names)} would take it out; ask for "
                f"{self._others(self._stays) or 'nothing, before an upstream of routes.yaml says local: true'}"
            )
        allowed = [name for name in stays if self._allowed(name)]
        if not allowed:
            raise NotAllowedError(f"this access key may not use {' or '.join(stays)}; ask for a model that it may use")
        able = [name for name in allowed if self._spoken(name)]
        if not able:
            raise NotSpokenError(self._not_spoken(allowed))
        return self._roomy(able)

    def able(self, name: str) -> bool:
        """Whether it is there, may answer, and can."""
        return (
            self._view.context.up(name)
            and self._stays(name)
            and self._allowed(name)
            and self._spoken(name)
            and self._fits(name)
        )

    def _stays(self, name: str) -> bool:
        return not self._local_only or self._upstreams[name].is_local

    def _allowed(self, name: str) -> bool:
        return self._view.context.caller.may_use(name, self._upstreams[name].model)

    def _spoken(self, name: str) -> bool:
        upstream, request = self._upstreams[name], self._view.request
        return (
            request.operation in upstream.operations
            or request.to_upstream(upstream.operations, upstream.model) is not None
        )

    def _fits(self, name: str) -> bool:
        context = self._upstreams[name].context
        if context is None:
            return True
        features = self._view.features
        return features.tokens + features.answer_tokens <= context

    def _roomy(self, names: list[str]) -> list[str]:
        """Without those whose context is too small; where it is of all, the one that comes closest."""
        return [name for name in names if self._fits(name)] or [max(names, key=self._context)]

    def _context(self, name: str) -> int:
        return self._upstreams[name].context or 0

    def _others(self, does: Callable[[str], bool]) -> str:
        return ", ".join(name for name in self._upstreams if does(name))

    def _not_spoken(self, names: Sequence[str]) -> str:
        operation = self._view.request.operation
        said = f"{' and '.join(names)} cannot answer {operation}"
        if others := self._others(lambda name: self._stays(name) and self._allowed(name) and self._spoken(name)):
            return f"{said}; ask for {others}"
        kinds = [kind for kind, properties in KINDS.items() if operation in properties.paths]
        return (
            f"{said}, nor can any other upstream; in routes.yaml, give one that can `speaks: [{operation}]`, "
            f"of kind {' or '.join(kinds)}"
        )
