"""Finds a running Ollama and what it has."""

import json
import os
from urllib.error import URLError
from urllib.parse import urlsplit
from urllib.request import urlopen

from edge_router.controller.config.upstreams import UpstreamConfig
from edge_router.errors import ConfigError

PORT = 11434
SCHEME_PORTS = {"http": 80, "https": 443}
"""Of an address that gives a scheme and no port, as Ollama itself reads it (envconfig.Host)."""


def address() -> str:
    """Ollama's own variable: host, host:port or a URL; a server's wildcard address stands for this machine."""
    named = os.environ.get("OLLAMA_HOST", "").strip() or "127.0.0.1"
    url = urlsplit(named if "://" in named else f"http://{named}")
    default = SCHEME_PORTS.get(url.scheme, PORT) if "://" in named else PORT
    try:
        port = url.port or default
    except ValueError as error:
        raise ConfigError(f"OLLAMA_HOST: {error}") from error
    host = {None: "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "::1"}.get(url.hostname, url.hostname)
    return f"{url.scheme}://{f'[{host}]' if ':' in str(host) else host}:{port}"


def upstreams(url: str) -> dict[str, UpstreamConfig]:
    """`small` and `large`: the models with the fewest and the most bytes. Empty when nobody answers or no model is
    there."""
    try:
        with urlopen(f"{url}/api/tags", timeout=1) as reply:
            models = sorted(json.load(reply)["models"], key=lambda model: int(model["size"]))
    except (URLError, OSError, ValueError, KeyError, TypeError):
        return {}
    ends = {"small": models[0], "large": models[-1]} if models else {}
    return {
        size: UpstreamConfig.model_validate({"kind": "ollama", "url": url, "model": model["name"]})
        for size, model in ends.items()
    }
