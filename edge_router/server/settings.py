"""The light server's settings, read from environment variables that begin with EDGE_ROUTER_."""

from pathlib import Path
from typing import Literal

from pydantic import Field

from edge_router.contract import ROUTER_SERVER_GRPC_PORT, ROUTER_SERVER_HTTP_PORT, ROUTER_SERVER_METRICS_PORT
from edge_router.settings import BodyLimits


class ServerSettings(BodyLimits):
    """Settings of the light server. gRPC or metrics port 0 = off."""

    host: str = "127.0.0.1"
    http_port: int = Field(ROUTER_SERVER_HTTP_PORT, ge=1, le=65535)
    grpc_port: int = Field(ROUTER_SERVER_GRPC_PORT, ge=0, le=65535)
    metrics_port: int = Field(ROUTER_SERVER_METRICS_PORT, ge=0, le=65535)
    overrides: Path | None = None
    model_control: Literal["none", "explicit"] = "none"

    answer_seconds: float = Field(30, gt=0, description="deadline of an inference")
    queue_requests: int = Field(256, gt=0, description="requests in the queue or in flight; one more is answered 503")
    memory_mb: int = Field(0, ge=0, description="limit of the process's private memory; 0 = no limit")
