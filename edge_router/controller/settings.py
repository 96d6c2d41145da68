"""The controller's settings, read from environment variables that begin with EDGE_ROUTER_."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal, TypeAlias

from pydantic import BeforeValidator, Field, HttpUrl
from pydantic_settings import NoDecode

from edge_router.contract import ROUTER_CONTROLLER_PORT, ROUTER_SERVER_HTTP_PORT
from edge_router.settings import BodyLimits


def _split(value: object) -> object:
    return [part.strip() for part in value.split(",")] if isinstance(value, str) else value


Urls: TypeAlias = Annotated[Sequence[HttpUrl], NoDecode, BeforeValidator(_split)]
Names: TypeAlias = Annotated[Sequence[Annotated[str, Field(min_length=1)]], NoDecode, BeforeValidator(_split)]

COMPOSE_CLASSIFIER = HttpUrl(f"http://router-server:{ROUTER_SERVER_HTTP_PORT}")
"""The classifier when neither the environment nor `routes.yaml` names one."""


class RequestLimits(BodyLimits):
    """Bounds on one request and its attempts. An upstream's own limits in `routes.yaml` take precedence."""

    classifier_budget_ms: int | None = Field(None, gt=0, description="replaces classifier.budget_ms of routes.yaml")

    image_body_bytes: int = Field(64 * 2**20, gt=0, description="body_bytes for a request with images")
    held_bytes: int = Field(256 * 2**20, gt=0, description="all request bodies together; beyond it 503")

    connect_seconds: float = Field(3, gt=0, description="time to connect to an upstream")
    first_byte_seconds: float = Field(120, gt=0, description="time until an upstream answers; it may load a model")
    idle_seconds: float = Field(60, gt=0, description="longest silence of an upstream in the middle of its answer")
    retries: int = Field(2, ge=0, description="attempts after the first one")
    retry_budget: float = Field(0.2, ge=0, le=1, description="retries of the same upstream, as a share of all requests")
    breaker_failures: int = Field(5, gt=0, description="failures in a row that open an upstream's circuit breaker")
    breaker_seconds: float = Field(30, gt=0, description="time until an open circuit breaker lets a probe through")

    grace_seconds: float = Field(10, ge=0, description="time for answers in progress when the process is stopped")

    @property
    def largest_body_bytes(self) -> int:
        """The larger of the limits for requests with and without images."""
        return max(self.body_bytes, self.image_body_bytes)


class Settings(RequestLimits):
    """The controller's address, access and files."""

    routes: Path = Path("/etc/edge-router/routes.yaml")
    machine_host: str | None = Field(None, description="in a container: the name of the machine that it runs on")
    classifier_url: Urls | None = Field(None, description="comma-separated; replaces classifier.urls of routes.yaml")
    host: str = "127.0.0.1"
    port: int = Field(ROUTER_CONTROLLER_PORT, ge=1, le=65535)

    keys: Path | None = Field(None, description="file of the access keys; without it no key is needed")
    insecure: bool = Field(False, description="allow an address beyond loopback without access keys")
    allowed_hosts: Names = Field((), description="comma-separated host names, besides local ones")
    metrics_open: bool = Field(False, description="/metrics needs no access key")
    log_level: Literal["debug", "info", "warning", "error"] = "info"

    @property
    def routes_file(self) -> Path | None:
        """`routes`; None if no variable names it and the default file does not exist."""
        return self.routes if "routes" in self.model_fields_set or self.routes.exists() else None
