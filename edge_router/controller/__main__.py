"""`python -m edge_router.controller`: the controller over a router-server, configured by the environment."""

import sys

import structlog

from edge_router.asgi.process import configure_logging
from edge_router.controller import demo
from edge_router.controller.config import ollama_discovery
from edge_router.controller.effective_config import effective_config
from edge_router.controller.runtime import Controller
from edge_router.controller.server import prepare, serve
from edge_router.controller.settings import Settings
from edge_router.errors import ConfigError
from edge_router.settings import read


def main() -> None:
    try:
        settings = read(Settings)
        keys = prepare(settings)
        config = effective_config(settings.routes_file, settings)
        controller = Controller(config, settings, file=settings.routes, keys=keys)
    except ConfigError as error:
        sys.exit(f"edge-router-controller: {error}")
    configure_logging(settings.log_level)
    upstreams = {name: f"{upstream.model} at {upstream.url}" for name, upstream in config.upstreams.items()}
    structlog.get_logger().info("serving", upstreams=upstreams)
    if demo_routes := demo.routes(config):
        structlog.get_logger().warning(
            "no Ollama found: the built-in demo answers, which is not a language model",
            asked=ollama_discovery.address(settings.machine_host),
            hint="in Docker, Ollama must listen beyond loopback (OLLAMA_HOST=0.0.0.0); then restart the controller",
        )
    serve(controller, extra_routes=demo_routes)


main()
