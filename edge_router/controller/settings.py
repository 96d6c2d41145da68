"""The controller's environment. Every variable begins with EDGE_ROUTER_."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal, TypeAlias

from pydantic import BeforeValidator, Field, HttpUrl
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from edge_router.contract import ROUTER_CONTROLLER_PORT, ROUTER_SERVER_HTTP_PORT


def _listed(value: object) -> object:
    return [part.strip() for part in value.split(",")] if isinstance(value, str) else value


Urls: TypeAlias = Annotated[Sequence[HttpUrl], NoDecode, BeforeValidator(_listed)]
Names: TypeAlias = Annotated[Sequence[Annotated[str, Field(min_length=1)]], NoDecode, BeforeValidator(_listed)]

COMPOSE_CLASSIFIER = HttpUrl(f"http://router-server:{ROUTER_SERVER_HTTP_PORT}")
"""Who is asked where neither the environment nor `routes.yaml` names a classifier."""


class RequestLimits(BaseSettings):
    """Bounds on one request, and on what is tried to answer it. They hold for the controller in a container and for
    `edge-router up` alike; an upstream's own in `routes.yaml` go before them."""

    model_config = SettingsConfigDict(env_prefix="EDGE_ROUTER_", frozen=True, allow_inf_nan=False)

    classifier_budget_ms: int | None = Field(None, gt=0, description="instead of classifier.budget_ms of routes.yaml")

    body_bytes: int = Field(8 * 2**20, gt=0, description="a larger request is refused with 413")
    image_body_bytes: int = Field(64 * 2**20, gt=0, description="the same, of a request with images")
    held_bytes: int = Field(256 * 2**20, gt=0, description="of all bodies at once; beyond it 503")
    receive_seconds: float = Field(15, gt=0, description="a request must have come as a whole by then")

    connect_seconds: float = Field(3, gt=0, description="to reach an upstream")
    first_byte_seconds: float = Field(120, gt=0, description="until it begins to answer; a small board loads for long")
    idle_seconds: float = Field(60, gt=0, description="it may be silent in the middle of its answer")
    retries: int = Field(2, ge=0, description="further attempts, of one request")
    retry_budget: float = Field(0.2, ge=0, le=1, description="share of all requests that may be tried again")
    breaker_failures: int = Field(5, gt=0, description="in a row, after which an upstream is left alone")
    breaker_seconds: float = Field(30, gt=0, description="for which it is; then one request probes it")

    grace_seconds: float = Field(10, ge=0, description="answers under way have to end once the process is told to stop")


class Settings(RequestLimits):
    """Where the controller listens, whom it lets in, and where it finds what it needs."""

    routes: Path = Path("/etc/edge-router/routes.yaml")
    machine_host: str | None = Field(None, description="in a container: the name of the machine that it runs on")
    classifier_url: Urls | None = Field(None, description="comma-separated, instead of classifier.urls of routes.yaml")
    host: str = "127.0.0.1"
    port: int = Field(ROUTER_CONTROLLER_PORT, ge=1, le=65535)

    keys: Path | None = Field(None, description="file of the access keys; without one whoever reaches it may ask")
    insecure: bool = Field(False, description="listen beyond loopback without keys")
    allowed_hosts: Names = Field((), description="comma-separated names it is asked by, besides those of a house")
    metrics_open: bool = Field(False, description="/metrics needs no key")
    log_level: Literal["debug", "info", "warning", "error"] = "info"

    @property
    def routes_file(self) -> Path | None:
        """`routes`; None if no variable names it and the default file does not exist."""
        return self.routes if "routes" in self.model_fields_set or self.routes.exists() else None
