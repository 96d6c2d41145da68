"""Checks of the names in `routes.yaml`: each must be defined, unique and lead to an upstream."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from edge_router.contract import AUTO_MODEL
from edge_router.validation import Place, Problem, suggestion

if TYPE_CHECKING:
    from edge_router.controller.config.router_config import RouterConfig


def name_problems(config: "RouterConfig") -> Iterator[Problem]:
    """Names that are defined twice or reserved, and an `auto` without its policy."""
    if config.auto not in config.policies:
        yield ("auto",), f"{config.auto} is not in policies; {suggestion(config.auto, config.policies)}"
    used = {AUTO_MODEL: "reserved", **dict.fromkeys(config.policies, "the name of a policy")}
    for section in ("upstreams", "fallbacks", "splits"):
        for name in getattr(config, section):
            if name in used:
                yield (section, name), f"{name} is {used[name]}; choose another name"
            used[name] = f"also a name in {section}"


def reference_problems(config: "RouterConfig") -> Iterator[Problem]:
    """Names that are used and not defined."""
    for place, name in _target_references(config):
        if name not in config.targets:
            yield place, f"{name!r} is not an upstream, fallback or split; {suggestion(name, config.targets)}"
    for place, name in _upstream_references(config):
        if name not in config.upstreams:
            yield place, f"{name!r} is not an upstream; {suggestion(name, config.upstreams)}"


def cycle_problems(config: "RouterConfig") -> Iterator[Problem]:
    """Fallbacks and splits that contain themselves."""
    members: Mapping[str, Iterable[str]] = {**config.fallbacks, **config.splits}
    for name in members:
        if path := _path_back(name, (), members):
            section = "fallbacks" if name in config.fallbacks else "splits"
            yield (section, name), f"contains itself: {' -> '.join(path)}"


def policy_problems(config: "RouterConfig", policies: Collection[str]) -> Iterator[Problem]:
    """Policies that the classifier does not have. `policies`: the classifier's."""
    for place, policy, _ in _label_references(config):
        if policy not in policies:
            yield place, f"the classifier has no policy {policy}; {suggestion(policy, policies)}"


def label_problems(config: "RouterConfig", labels: Mapping[str, Sequence[str]]) -> Iterator[Problem]:
    """Policies and labels that the classifier does not have. `labels`: the classifier's, by policy."""
    yield from policy_problems(config, labels)
    for place, policy, names in _label_references(config):
        for name in names:
            if policy in labels and name not in labels[policy]:
                yield place, f"unknown label {name}; {suggestion(name, labels[policy])}"


def _target_references(config: "RouterConfig") -> Iterator[tuple[Place, str]]:
    """(place, name of an upstream, fallback or split)."""
    yield ("default",), config.default
    if config.embeddings is not None:
        yield ("embeddings",), config.embeddings
    if config.background_tasks is not None:
        yield ("background_tasks",), config.background_tasks
    for name, members in config.fallbacks.items():
        yield from ((("fallbacks", name, at), member) for at, member in enumerate(members))
    for name, parts in config.splits.items():
        yield from ((("splits", name, part), part) for part in parts)
    for place, rule in config.all_rules():
        if rule.to is not None:
            yield (*place, "to"), rule.to
    for name, policy in config.policies.items():
        place = ("policies", name)
        yield from (((*place, "score", at, "upstream"), rule.upstream) for at, rule in enumerate(policy.score))
        yield from (((*place, "routes", label), target) for label, target in policy.routes.items())
        if policy.default is not None:
            yield (*place, "default"), policy.default


def _upstream_references(config: "RouterConfig") -> Iterator[tuple[Place, str]]:
    """(place, name of an upstream)."""
    for name, shadow in config.shadows.items():
        yield ("shadows", name), name
        yield ("shadows", name, "to"), shadow.to
    if config.affinity:
        yield from ((("affinity", "order", at), name) for at, name in enumerate(config.affinity.order))
    for place, rule in config.all_rules():
        yield from (((*place, "when", "upstream", name), name) for name in rule.when.upstream or ())


def _label_references(config: "RouterConfig") -> Iterator[tuple[Place, str, Sequence[str]]]:
    """(place, policy, labels of the policy)."""
    for name, policy in config.policies.items():
        yield ("policies", name, "routes"), name, tuple(policy.routes)
    for place, rule in config.all_rules():
        for below, policy_name, labels in rule.when.references():
            yield (*place, "when", *below), policy_name, labels


def _path_back(name: str, path: tuple[str, ...], members: Mapping[str, Iterable[str]]) -> tuple[str, ...] | None:
    """A cycle from `path[0]` through `name` back to `path[0]`; None if there is none."""
    if name in path:
        return (*path, name) if name == path[0] else None
    ways = (_path_back(member, (*path, name), members) for member in members.get(name, ()))
    return next(filter(None, ways), None)
