"""The controller's environment. Every variable begins with EDGE_ROUTER_."""

from pathlib import Path

from pydantic import Field, HttpUrl
from pydantic_settings import BaseSettings, SettingsConfigDict

from edge_router.contract import ROUTER_CONTROLLER_PORT, ROUTER_SERVER_HTTP_PORT


class Limits(BaseSettings):
    """Bounds on one request. They hold for the controller in a container and for `edge-router up` alike."""

    model_config = SettingsConfigDict(env_prefix="EDGE_ROUTER_", frozen=True)

    classifier_budget_ms: int = Field(150, gt=0, description="after this the default route answers")
    body_bytes: int = Field(8 * 2**20, gt=0, description="a larger request is refused with 413")
    receive_seconds: float = Field(15, gt=0, description="a request must have come as a whole by then")
    connect_seconds: float = Field(5, gt=0, description="to reach an upstream")
    idle_seconds: float = Field(300, gt=0, description="an upstream may be silent; a small board thinks for minutes")


class Settings(Limits):
    """What `python -m edge_router.controller` reads besides the limits."""

    routes: Path = Path("/etc/edge-router/routes.yaml")
    classifier_url: HttpUrl = HttpUrl(f"http://router-server:{ROUTER_SERVER_HTTP_PORT}")
    host: str = "127.0.0.1"
    port: int = Field(ROUTER_CONTROLLER_PORT, ge=1, le=65535)
