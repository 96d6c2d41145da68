"""Resolves targets (names of upstreams, fallbacks and splits) and models to upstreams."""

from collections.abc import Mapping, Sequence

from edge_router.controller.config import RouterConfig
from edge_router.controller.routing.evaluation import Evaluation


class Targets:
    """Names without a split are resolved once."""

    def __init__(self, config: RouterConfig) -> None:
        self._config = config
        self._by_model: dict[str, list[str]] = {}
        for name, upstream in config.upstreams.items():
            self._by_model.setdefault(upstream.model, []).append(name)
        self._fixed: Mapping[str, Sequence[str]] = {
            name: found for name in config.targets if (found := self._resolve(name, None)) is not None
        }

    def upstreams(self, name: str, evaluation: Evaluation) -> Sequence[str]:
        """The upstreams behind `name`, in the order in which they are tried."""
        fixed = self._fixed.get(name)
        if fixed is not None:
            return fixed
        found = self._resolve(name, evaluation)
        assert found is not None
        return found

    def pinned(self, name: str, evaluation: Evaluation) -> Sequence[str]:
        """The upstreams for a name that the client gives as model: a target or a model. Empty if it is neither."""
        return self.upstreams(name, evaluation) if name in self._config.targets else self._by_model.get(name, ())

    def _resolve(self, name: str, evaluation: Evaluation | None) -> Sequence[str] | None:
        """None when the result depends on the request and there is none."""
        if name in self._config.upstreams:
            return (name,)
        if name in self._config.splits:
            if evaluation is None:
                return None
            return self._resolve(_side(name, self._config.splits[name], evaluation), evaluation)
        members = [self._resolve(member, evaluation) for member in self._config.fallbacks[name]]
        if any(member is None for member in members):
            return None
        return tuple(dict.fromkeys(upstream for member in members for upstream in member or ()))


def _side(name: str, parts: Mapping[str, float], evaluation: Evaluation) -> str:
    """The part of a split that this request belongs to."""
    rest = evaluation.split_fraction(name) * sum(parts.values())
    for part, weight in parts.items():
        rest -= weight
        if rest < 0:
            return part
    return part
