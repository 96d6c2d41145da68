"""The controller's environment. Every variable begins with EDGE_ROUTER_."""

from pathlib import Path

from pydantic import Field, HttpUrl, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from edge_router.contract import ROUTER_CONTROLLER_PORT, ROUTER_SERVER_HTTP_PORT
from edge_router.errors import ConfigError


class Limits(BaseSettings):
    """Bounds on one request. They hold for the controller in a container and for `edge-router up` alike."""

    model_config = SettingsConfigDict(env_prefix="EDGE_ROUTER_", frozen=True)

    classifier_budget_ms: int = Field(150, gt=0, description="after this the default route answers")
    body_bytes: int = Field(8 * 2**20, gt=0, description="a larger request is refused with 413")
    connect_seconds: float = Field(5, gt=0, description="to reach an upstream")
    idle_seconds: float = Field(300, gt=0, description="an upstream may be silent; a small board thinks for minutes")


class Settings(Limits):
    """What `python -m edge_router.controller` reads besides the limits."""

    routes: Path = Path("/etc/edge-router/routes.yaml")
    classifier_url: HttpUrl = HttpUrl(f"http://router-server:{ROUTER_SERVER_HTTP_PORT}")
    host: str = "127.0.0.1"
    port: int = Field(ROUTER_CONTROLLER_PORT, ge=1, le=65535)


def read_settings() -> Settings:
    """Raises ConfigError naming the variable."""
    try:
        return Settings()
    except ValidationError as error:
        problems = [f"EDGE_ROUTER_{str(problem['loc'][0]).upper()}: {problem['msg']}" for problem in error.errors()]
        raise ConfigError("; ".join(problems)) from error
