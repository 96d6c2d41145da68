"""`python -m edge_router.controller`: the controller over a router-server, configured by the environment."""

import sys

from edge_router.asgi.process import check_free
from edge_router.controller.app import app
from edge_router.controller.classification.classifier import RemoteClassifier
from edge_router.controller.routes.routes import Routes
from edge_router.controller.server import serve
from edge_router.controller.settings import Settings
from edge_router.errors import ConfigError
from edge_router.settings import read
from edge_router.v2.client import InferenceClient


def main() -> None:
    try:
        settings = read(Settings)
        check_free(settings.host, settings.port)
        routes = Routes.read(settings.routes)
        url = str(settings.classifier_url)
        application = app(routes, lambda session: RemoteClassifier(InferenceClient(url, session)), settings)
    except ConfigError as error:
        sys.exit(f"edge-router-controller: {error}")
    serve(application, settings.host, settings.port, settings)


main()
