"""Finds a running Ollama and its models."""

import json
import os
from urllib.error import URLError
from urllib.parse import urlsplit
from urllib.request import urlopen

from edge_router.controller.config.upstreams import UpstreamConfig, is_loopback
from edge_router.errors import ConfigError

PORT = 11434
WILDCARDS = {"0.0.0.0": "127.0.0.1", "::": "::1"}
"""Addresses that a server listens on -> the loopback address that a client uses."""
SCHEME_PORTS = {"http": 80, "https": 443}
"""Ports of an address with a scheme and no port, as in Ollama's envconfig.Host."""


def address(machine_host: str | None = None) -> str:
    """Return the URL of Ollama, from Ollama's own variable: host, host:port or a URL.

    A server's wildcard address means this machine. In a container `machine_host` is the name of the machine, and it
    replaces wildcard and loopback addresses. Raises ConfigError for a port that is not a number.
    """
    named = os.environ.get("OLLAMA_HOST", "").strip() or "127.0.0.1"
    url = urlsplit(named if "://" in named else f"http://{named}")
    default = SCHEME_PORTS.get(url.scheme, PORT) if "://" in named else PORT
    try:
        port = url.port or default
    except ValueError as error:
        raise ConfigError(f"OLLAMA_HOST: {error}") from error
    host = WILDCARDS.get(url.hostname or "0.0.0.0", url.hostname)
    if machine_host and is_loopback(str(host)):
        host = machine_host
    return f"{url.scheme}://{f'[{host}]' if ':' in str(host) else host}:{port}"


def upstreams(url: str, machine_host: str | None = None) -> dict[str, UpstreamConfig]:
    """Return `small` and `large`: the models with the fewest and the most bytes. Empty if no Ollama answers at `url`
    within one second or it has no model."""
    try:
        with urlopen(f"{url}/api/tags", timeout=1) as reply:
            models = sorted(json.load(reply)["models"], key=lambda model: int(model["size"]))
    except (URLError, OSError, ValueError, KeyError, TypeError):
        return {}
    ends = {"small": models[0], "large": models[-1]} if models else {}
    # Loopback addresses are known to be local, the machine's name in a container is not.
    local = True if machine_host and urlsplit(url).hostname == machine_host else None
    return {
        size: UpstreamConfig.model_validate({"kind": "ollama", "url": url, "model": model["name"], "local": local})
        for size, model in ends.items()
    }
