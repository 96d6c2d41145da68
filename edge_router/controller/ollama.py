"""Finds a running Ollama and what it has."""

import json
import os
from urllib.error import URLError
from urllib.request import urlopen

from edge_router.controller.routes import Upstream

PORT = 11434


def address() -> str:
    """Ollama's own variable: host, host:port or a URL; a server's wildcard address stands for this machine."""
    named = os.environ.get("OLLAMA_HOST", "").strip() or "127.0.0.1"
    scheme, found, rest = named.partition("://")
    scheme, rest = (scheme, rest) if found else ("http", named)
    host, _, port = rest.strip("/").partition(":")
    host = "127.0.0.1" if host in ("0.0.0.0", "") else host
    return f"{scheme}://{host}:{port or PORT}"


def upstreams(url: str) -> dict[str, Upstream]:
    """`small` and `large`: the models with the fewest and the most bytes. Empty when nobody answers or no model is
    there."""
    try:
        with urlopen(f"{url}/api/tags", timeout=1) as reply:
            models = sorted(json.load(reply)["models"], key=lambda model: int(model["size"]))
    except (URLError, OSError, ValueError, KeyError, TypeError):
        return {}
    ends = {"small": models[0], "large": models[-1]} if models else {}
    return {size: Upstream.model_validate({"url": f"{url}/v1", "model": model["name"]}) for size, model in ends.items()}
