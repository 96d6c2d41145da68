"""The configuration in use: the routes file's, else one for the Ollama of this machine, else one for the demo."""

from pathlib import Path
from typing import Final

from edge_router.contract import COMPLEXITY_ROUTER, TASK_ROUTER
from edge_router.controller import demo
from edge_router.controller.config import ConfigDocument, RouterConfig, ollama_discovery
from edge_router.controller.settings import Settings

LARGE_TASKS: Final = ("Brainstorming", "Code Generation", "Summarization", "Text Generation")
DEMANDING: Final = 0.5
"""Complexity score from which the large model answers."""


def config_in_use(file: Path | None, settings: Settings) -> RouterConfig:
    """Return the configuration of `file`; without a file, or for a file that holds only comments, the default one.

    The default sends prompts to Ollama's smallest and largest model, or to the demo if no Ollama answers. Raises
    ConfigError naming file and line, or the variable that is wrong.
    """
    if file is not None and ConfigDocument.read(file).content is not None:
        return RouterConfig.read(file)
    url = ollama_discovery.address(settings.machine_host)
    upstreams = ollama_discovery.upstreams(url, settings.machine_host) or demo.upstreams(settings.port)
    return RouterConfig.model_validate(
        {
            "upstreams": upstreams,
            "default": "small",
            "auto": TASK_ROUTER,
            "policies": {
                TASK_ROUTER: {"routes": dict.fromkeys(LARGE_TASKS, "large")},
                COMPLEXITY_ROUTER: {"score": [{"at_least": DEMANDING, "upstream": "large"}]},
            },
        }
    )
