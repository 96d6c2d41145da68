"""Converts the maps in a checkpoint's config.json into decision rules, one `decision.json` for each policy."""

from collections.abc import Mapping, Sequence
from typing import Any

from edge_router.contract import COMPLEXITY_ROUTER, POLICY_SUFFIX, TASK_ROUTER
from edge_router.conversion.encoder import Config
from edge_router.conversion.errors import CheckpointError
from edge_router.stages.decide import CONFIDENCE, DecisionRules, Head

# Facts about NVIDIA's prompt-task-and-complexity-classifier that its config.json lacks. Clients of the old contract use
# indices in this order of the labels.
TASK_HEAD = "task_type"
TASK_LABELS = (
    "Brainstorming", "Chatbot", "Classification", "Closed QA", "Code Generation", "Extraction",
    "Open QA", "Other", "Rewrite", "Summarization", "Text Generation", "Unknown",
)  # fmt: skip
COMPLEXITY_HEADS = (
    "creativity_scope", "reasoning", "contextual_knowledge", "number_of_few_shots", "domain_knowledge",
    "no_label_reason", "constraint_ct",
)  # fmt: skip
COMPLEXITY_LABELS = (
    "Creativity", "Reasoning", "Contextual-Knowledge", "Few-Shot", "Domain-Knowledge", "No-Label-Reason", "Constraint",
)  # fmt: skip
"""The labels in the order of COMPLEXITY_HEADS."""
SCORE = (0.35, 0.25, 0.05, 0.05, 0.15, 0.0, 0.15)
"""The weight of each complexity in the score, from the checkpoint's model card."""
FLOORS = {"number_of_few_shots": 0.05}
"""Values below this floor count as 0, by head."""


def heads(config: Config) -> list[Head]:
    """The heads in the order of `target_sizes`, which is that of the logits. Raises CheckpointError."""
    sizes = _mapping(config, "target_sizes")
    if not sizes:
        raise CheckpointError(
            "config.json: target_sizes is missing; add it with the names of the heads and their sizes"
        )
    for name, size in sizes.items():
        if not isinstance(size, int) or size < 1:
            raise CheckpointError(f"config.json: target_sizes.{name} is {size!r}; it must be at least 1")
    return [Head(name=name, size=size) for name, size in sizes.items()]


def rules(config: Config, found: Sequence[Head]) -> dict[str, dict[str, Any]]:
    """The content of decision.json for each policy that has a head. A head NAME with labels in NAME_map belongs to
    NAME_router, other heads to the complexity router. Raises CheckpointError."""
    classes: dict[str, list[dict[str, Any]]] = {}
    for head in found:
        if head.name == TASK_HEAD:
            classes[TASK_ROUTER] = _in_order(_labelled(config, head), TASK_LABELS)
        elif f"{head.name}_map" in config:
            classes[f"{head.name}{POLICY_SUFFIX}"] = _labelled(config, head)
        else:
            classes.setdefault(COMPLEXITY_ROUTER, []).append(_complexity(config, head))
    if COMPLEXITY_ROUTER in classes:
        classes[COMPLEXITY_ROUTER] = _in_order(classes[COMPLEXITY_ROUTER], COMPLEXITY_LABELS)
    contents = {}
    for policy, own in classes.items():
        contents[policy] = {
            "heads": [{"name": head.name, "size": head.size} for head in found],
            "classes": own,
            "score": _score(own) if policy == COMPLEXITY_ROUTER else CONFIDENCE,
        }
        try:
            DecisionRules.of(contents[policy])
        except (KeyError, TypeError, ValueError) as error:
            raise CheckpointError(f"config.json: {error}") from error
    return contents


def _in_order(classes: list[dict[str, Any]], labels: Sequence[str]) -> list[dict[str, Any]]:
    """The classes in the order of `labels`, if they have exactly these labels."""
    if {item["label"] for item in classes} != set(labels):
        return classes
    return sorted(classes, key=lambda item: labels.index(item["label"]))


def _labelled(config: Config, head: Head) -> list[dict[str, Any]]:
    names = _mapping(config, f"{head.name}_map")
    if set(names) != {str(index) for index in range(head.size)}:
        raise CheckpointError(
            f'config.json: {head.name}_map needs a label for each of "0" to "{head.size - 1}"; it has '
            f"{', '.join(sorted(names)) or 'none'}"
        )
    return [{"label": names[str(index)], "head": head.name, "index": index} for index in range(head.size)]


def _complexity(config: Config, head: Head) -> dict[str, Any]:
    weights, divisors = _mapping(config, "weights_map"), _mapping(config, "divisor_map")
    if head.name not in weights or head.name not in divisors:
        raise CheckpointError(
            f"config.json: head {head.name!r} of target_sizes is unknown: it has neither labels "
            f"({TASK_HEAD}_map speaks of {TASK_HEAD}) nor weights_map and divisor_map"
        )
    if not divisors[head.name]:
        raise CheckpointError(f"config.json: divisor_map.{head.name} is {divisors[head.name]!r}; it divides")
    label = dict(zip(COMPLEXITY_HEADS, COMPLEXITY_LABELS, strict=True)).get(head.name, head.name)
    found = {"label": label, "head": head.name, "weights": weights[head.name], "divisor": divisors[head.name]}
    return found | ({"floor": FLOORS[head.name]} if head.name in FLOORS else {})


def _score(classes: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    shares = dict(zip(COMPLEXITY_HEADS, SCORE, strict=True))
    return {item["label"]: shares.get(item["head"], 0.0) for item in classes}


def _mapping(config: Config, key: str) -> Mapping[str, Any]:
    value = config.get(key, {})
    if not isinstance(value, Mapping):
        raise CheckpointError(f"config.json: {key} is {value!r}; a mapping is needed")
    return value
