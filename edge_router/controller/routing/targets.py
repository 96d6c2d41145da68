"""From a name in `routes.yaml` to the upstreams it stands for."""

from collections.abc import Mapping, Sequence

from edge_router.controller.config import RouterConfig
from edge_router.controller.routing.evaluation import Evaluation


class Targets:
    def __init__(self, routes: RouterConfig) -> None:
        self._routes = routes
        self._fixed: Mapping[str, Sequence[str]] = {
            name: found for name in routes.targets if (found := self._of(name, None)) is not None
        }
        """Of the names that no split is behind."""

    def of(self, name: str, evaluation: Evaluation) -> Sequence[str]:
        """Upstreams, the first to be asked first."""
        fixed = self._fixed.get(name)
        if fixed is not None:
            return fixed
        found = self._of(name, evaluation)
        assert found is not None
        return found

    def _of(self, name: str, evaluation: Evaluation | None) -> Sequence[str] | None:
        """None where it depends on who asks, and nobody does."""
        if name in self._routes.upstreams:
            return (name,)
        if name in self._routes.splits:
            return (
                None if evaluation is None else self._of(_side(name, self._routes.splits[name], evaluation), evaluation)
            )
        ways = [self._of(member, evaluation) for member in self._routes.fallbacks[name]]
        if any(way is None for way in ways):
            return None
        return tuple(dict.fromkeys(upstream for way in ways for upstream in way or ()))


def _side(name: str, parts: Mapping[str, float], evaluation: Evaluation) -> str:
    at = evaluation.share(name) * sum(parts.values())
    for part, weight in parts.items():
        at -= weight
        if at < 0:
            return part
    return part
