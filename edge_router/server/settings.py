"""The light server's environment. Every variable begins with EDGE_ROUTER_."""

from pathlib import Path
from typing import Literal

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from edge_router.contract import ROUTER_SERVER_GRPC_PORT, ROUTER_SERVER_HTTP_PORT, ROUTER_SERVER_METRICS_PORT


class Settings(BaseSettings):
    """Ports 0 = not offered."""

    model_config = SettingsConfigDict(env_prefix="EDGE_ROUTER_", frozen=True)

    host: str = "127.0.0.1"
    http_port: int = Field(ROUTER_SERVER_HTTP_PORT, ge=1, le=65535)
    grpc_port: int = Field(ROUTER_SERVER_GRPC_PORT, ge=0, le=65535)
    metrics_port: int = Field(ROUTER_SERVER_METRICS_PORT, ge=0, le=65535)
    overrides: Path | None = None
    model_control: Literal["none", "explicit"] = "none"

    body_bytes: int = Field(8 * 2**20, gt=0, description="a larger request is refused with 413")
    held_bytes: int = Field(64 * 2**20, gt=0, description="of all bodies at once; beyond it 503")
    receive_seconds: float = Field(15, gt=0, description="a request must have come as a whole by then")
    answer_seconds: float = Field(30, gt=0, description="an inference must be done by then")
    queue_requests: int = Field(256, gt=0, description="in the queue or under way; one more is refused with 503")
    memory_mb: int = Field(0, ge=0, description="the process may hold this much of its own; 0 = no cap")
