"""The effective configuration: that of the routes file, else a default for Ollama on this machine or for the demo."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from edge_router.contract import COMPLEXITY_ROUTER, TASK_ROUTER
from edge_router.controller import demo
from edge_router.controller.config import ConfigDocument, RouterConfig, ollama_discovery
from edge_router.controller.settings import Settings

LARGE_TASKS: Final = ("Brainstorming", "Code Generation", "Summarization", "Text Generation")
DEMANDING: Final = 0.5
"""Complexity score from which the large model answers."""
SEED: Final[Mapping[str, Mapping[str, object]]] = {
    TASK_ROUTER: {"routes": dict.fromkeys(LARGE_TASKS, "large")},
    COMPLEXITY_ROUTER: {"score": [{"at_least": DEMANDING, "upstream": "large"}]},
}
"""Routes to the large model in the default configuration, for the policies of the shipped repository."""


def effective_config(
    file: Path | None, settings: Settings, labels: Mapping[str, Sequence[str]] | None = None
) -> RouterConfig:
    """Return the configuration of `file`, or the default one if there is no file or it holds only comments.

    The default sends prompts to Ollama's smallest and largest model, or to the demo if no Ollama answers. `labels`: by
    policy, of the classifier if it is known; the default then has its policies, and sends to "large" by labels that it
    has. Raises ConfigError naming file and line, or the variable that is wrong.
    """
    if file is not None and ConfigDocument.read(file).content is not None:
        return RouterConfig.read(file)
    url = ollama_discovery.address(settings.machine_host)
    upstreams = ollama_discovery.upstreams(url, settings.machine_host) or demo.upstreams(settings.port)
    policies = SEED if labels is None else {name: _policy(name, labels[name]) for name in labels}
    return RouterConfig.model_validate(
        {"upstreams": upstreams, "default": "small", "auto": next(iter(policies)), "policies": policies}
    )


def _policy(name: str, labels: Sequence[str]) -> Mapping[str, object]:
    """The seed's settings without routes for missing labels; empty for a policy that is not in the seed."""
    seed = SEED.get(name, {})
    routes = seed.get("routes")
    if not isinstance(routes, Mapping):
        return seed
    return {**seed, "routes": {label: target for label, target in routes.items() if label in labels}}
