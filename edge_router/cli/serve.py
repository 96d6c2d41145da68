"""`edge-router serve`: runs the light server, which serves the model repository over the V2 protocol without Triton."""

from typing import Annotated, Any

import typer

from edge_router.cli.options import OverridesOption, RepositoryOption
from edge_router.contract import ROUTER_SERVER_GRPC_PORT, ROUTER_SERVER_HTTP_PORT, ROUTER_SERVER_METRICS_PORT
from edge_router.settings import model_repository, read


def serve(
    repository: RepositoryOption = None,
    overrides: OverridesOption = None,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    http_port: Annotated[int, typer.Option(min=1, max=65535, help="Port for HTTP.")] = ROUTER_SERVER_HTTP_PORT,
    grpc_port: Annotated[int, typer.Option(min=0, max=65535, help="Port for gRPC; 0 = off.")] = ROUTER_SERVER_GRPC_PORT,
    metrics_port: Annotated[
        int, typer.Option(min=0, max=65535, help="Port for metrics; 0 = off.")
    ] = ROUTER_SERVER_METRICS_PORT,
    model_control: Annotated[
        str, typer.Option(help="Triton's mode: none, or explicit, which lets clients load and unload models.")
    ] = "none",
    memory_mb: Annotated[
        int, typer.Option(min=0, help="Limit of the process's private memory in MB; 0 = no limit.")
    ] = 0,
) -> None:
    """Run the light server: serve all models of the repository over V2 to tritonclient and the controller."""
    from edge_router.server import server
    from edge_router.server.settings import ServerSettings

    options: dict[str, Any] = {
        "host": host,
        "http_port": http_port,
        "grpc_port": grpc_port,
        "metrics_port": metrics_port,
        "overrides": overrides,
        "model_control": model_control,
        "memory_mb": memory_mb,
    }
    settings = read(ServerSettings, **options)
    typer.echo(f"edge-router serves {repository or model_repository()} on http://{host}:{http_port}/v2")
    server.serve(repository or model_repository(), settings)
