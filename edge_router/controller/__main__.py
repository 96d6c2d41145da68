"""`python -m edge_router.controller`: the controller over a router-server, configured by the environment."""

import sys

from edge_router.controller.config import RouterConfig
from edge_router.controller.controller import Controller
from edge_router.controller.server import prepare, serve
from edge_router.controller.settings import Settings
from edge_router.errors import ConfigError
from edge_router.settings import read


def main() -> None:
    try:
        settings = read(Settings)
        keys = prepare(settings)
        controller = Controller(RouterConfig.read(settings.routes), settings, file=settings.routes, keys=keys)
    except ConfigError as error:
        sys.exit(f"edge-router-controller: {error}")
    serve(controller)


main()
