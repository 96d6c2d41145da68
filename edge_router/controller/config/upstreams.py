"""The `upstreams` of `routes.yaml`."""

import ipaddress
import os
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, HttpUrl, PrivateAttr, model_validator

from edge_router.controller.api import ANTHROPIC_OPERATIONS, KINDS, Operation
from edge_router.controller.config.section import ConfigSection
from edge_router.errors import ConfigError


class ApiKeyConfig(ConfigSection):
    """Where an upstream's key is found; the key itself never stands in the file, unless that is the old `config.yaml`.
    It is never shown."""

    env: str | None = Field(None, pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")
    file: Path | None = None
    _written: str | None = PrivateAttr(None)

    @classmethod
    def written(cls, key: str) -> "ApiKeyConfig":
        """One that stands in the old `config.yaml` itself."""
        found = cls.model_construct()
        found._written = key
        return found

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        if self._written is None and (self.env is None) == (self.file is None):
            raise ValueError("give either env or file")
        return self

    def read(self) -> str:
        """Raises ConfigError naming the source, never what it holds."""
        source = f"api_key.env {self.env}" if self.env else f"api_key.file {self.file}" if self.file else "api_key"
        try:
            text = self._written or (self.file.read_text() if self.file else os.environ.get(self.env or "", ""))
        except OSError as error:
            raise ConfigError(f"{source}: {error.strerror}") from error
        except UnicodeDecodeError:
            raise ConfigError(f"{source}: not a text") from None
        key = text.strip()
        if not (key.isascii() and key.isprintable() and key):
            raise ConfigError(
                f"{source}: needs one line with the key; {'it holds something else' if key else 'it is empty'}"
            )
        return key


def _without_password(url: HttpUrl) -> HttpUrl:
    if url.username or url.password:
        raise ValueError("holds a user or a password; give the key as api_key")
    return url


class UpstreamConfig(ConfigSection):
    """One LLM at one address. `url` is what stands before `/chat/completions` (`kind: openai`), `/messages`
    (`anthropic`), or `/api/chat` (`ollama`; a `/v1` at its end is dropped)."""

    kind: Literal["openai", "ollama", "anthropic"] = "openai"
    url: Annotated[HttpUrl, AfterValidator(_without_password)]
    model: str = Field(min_length=1)
    api_key: ApiKeyConfig | None = None
    speaks: Sequence[Operation] | None = Field(None, description="operations it answers, where they are not its kind's")
    local: bool | None = Field(None, description="whether a prompt sent there stays in the house; loopback does")
    context: int | None = Field(None, gt=0, description="tokens of prompt and answer together")
    concurrency: int = Field(64, gt=0, description="requests it is sent at once")
    queue: int = Field(256, ge=0, description="requests that may wait for it; further ones go elsewhere or get 503")
    connect_seconds: float | None = Field(None, gt=0)
    first_byte_seconds: float | None = Field(None, gt=0)
    idle_seconds: float | None = Field(None, gt=0)
    total_seconds: float | None = Field(None, gt=0)

    @cached_property
    def operations(self) -> frozenset[Operation]:
        return frozenset(KINDS[self.kind].speaks if self.speaks is None else self.speaks)

    @cached_property
    def is_local(self) -> bool:
        return is_loopback((self.url.host or "").strip("[]")) if self.local is None else self.local

    @property
    def base(self) -> str:
        """What stands before the paths of its kind."""
        url = str(self.url).rstrip("/")
        return url.removesuffix("/v1") if self.kind == "ollama" else url

    def address(self, operation: Operation) -> str:
        return self.base + KINDS[self.kind].paths[operation]

    def key_headers(self, key: str, operation: Operation) -> dict[str, str]:
        """Anthropic takes a key under its own name, but where it answers in OpenAI's way."""
        if self.kind == "anthropic" and operation in ANTHROPIC_OPERATIONS:
            return {"x-api-key": key}
        return {"authorization": f"Bearer {key}"}


def is_loopback(host: str) -> bool:
    """`host`: a name or an address; of IPv6 without brackets."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
