"""`edge-router serve`: the model repository behind the V2 protocol, without Triton."""

from typing import Annotated, Any

import typer

from edge_router.cli.options import OverridesOption, RepositoryOption
from edge_router.contract import ROUTER_SERVER_GRPC_PORT, ROUTER_SERVER_HTTP_PORT, ROUTER_SERVER_METRICS_PORT
from edge_router.settings import model_repository, read


def serve(
    repository: RepositoryOption = None,
    overrides: OverridesOption = None,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    http_port: Annotated[int, typer.Option(min=1, max=65535)] = ROUTER_SERVER_HTTP_PORT,
    grpc_port: Annotated[int, typer.Option(min=0, max=65535, help="0: no gRPC.")] = ROUTER_SERVER_GRPC_PORT,
    metrics_port: Annotated[int, typer.Option(min=0, max=65535, help="0: no metrics.")] = ROUTER_SERVER_METRICS_PORT,
    model_control: Annotated[
        str, typer.Option(help="none, or explicit: models may be loaded and unloaded while it runs.")
    ] = "none",
    memory_mb: Annotated[
        int, typer.Option(min=0, help="Memory that the process may hold of its own; 0: as much as it needs.")
    ] = 0,
) -> None:
    """Serve every model of the repository to tritonclient, Triton's other clients and the controller."""
    from edge_router.server import server
    from edge_router.server.settings import ServerSettings

    given: dict[str, Any] = {
        "host": host,
        "http_port": http_port,
        "grpc_port": grpc_port,
        "metrics_port": metrics_port,
        "overrides": overrides,
        "model_control": model_control,
        "memory_mb": memory_mb,
    }
    settings = read(ServerSettings, **given)
    typer.echo(f"edge-router serves {repository or model_repository()} on http://{host}:{http_port}/v2")
    server.serve(repository or model_repository(), settings)
