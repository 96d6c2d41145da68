"""`python -m edge_router.server`: the light server, configured by the environment."""

import sys

from edge_router.errors import RouterError
from edge_router.server.server import serve
from edge_router.server.settings import ServerSettings
from edge_router.settings import model_repository, read

try:
    serve(model_repository(), read(ServerSettings))
except RouterError as error:
    sys.exit(f"edge-router-server: {error}")
