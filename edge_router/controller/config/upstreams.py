"""The section `upstreams` of `routes.yaml`."""

import ipaddress
import os
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, Field, HttpUrl, ModelWrapValidatorHandler, PrivateAttr, SecretStr, model_validator

from edge_router.controller.api import ANTHROPIC_OPERATIONS, KINDS, Operation
from edge_router.controller.config.section import ConfigSection
from edge_router.errors import ConfigError
from edge_router.validation import PATTERN_WORDS

API_KEY_FORMS = "needs `{env: NAME}` or `{file: PATH}`; never the key itself"


class ApiKeyConfig(ConfigSection):
    """Source of an upstream's API key. `routes.yaml` never contains the key itself; the `config.yaml` of the old router
    may. The key is never shown."""

    env: str | None = Field(
        None,
        pattern=r"^[A-Za-z_][A-Za-z0-9_]*$",
        json_schema_extra={PATTERN_WORDS: "must be the name of an environment variable: EXAMPLE_API_KEY"},
    )
    """environment variable that holds the key"""
    file: Path | None = None
    """file that holds the key"""
    _literal: SecretStr | None = PrivateAttr(None)

    @classmethod
    def literal(cls, key: str) -> "ApiKeyConfig":
        """A key that is written in the old `config.yaml` itself."""
        config = cls.model_construct()
        config._literal = SecretStr(key)
        return config

    @model_validator(mode="wrap")
    @classmethod
    def _one_source(cls, value: Any, validate: ModelWrapValidatorHandler[Self]) -> Self:
        if not isinstance(value, Mapping | cls):
            raise ValueError(API_KEY_FORMS)
        config = validate(value)
        if config._literal is None and (config.env is None) == (config.file is None):
            raise ValueError(API_KEY_FORMS)
        return config

    def read(self) -> str:
        """The key. Raises ConfigError that names the source and never repeats its content."""
        if self._literal is not None:
            return _one_line(self._literal.get_secret_value(), "api_key")
        if self.file is None:
            name = str(self.env)
            if name not in os.environ:
                raise ConfigError(f"api_key.env {name}: this environment variable is not set")
            return _one_line(os.environ[name], f"api_key.env {name}")
        source = f"api_key.file {self.file}"
        try:
            return _one_line(self.file.read_text(), source)
        except OSError as error:
            raise ConfigError(f"{source}: {error.strerror}") from error
        except UnicodeDecodeError:
            raise ConfigError(f"{source}: not a text file") from None


def _one_line(text: str, source: str) -> str:
    key = text.strip()
    if not key:
        raise ConfigError(f"{source}: is empty; put the key there, on one line")
    if not (key.isascii() and key.isprintable()):
        raise ConfigError(f"{source}: must hold the key alone, on one line of ASCII characters")
    return key


def _without_password(url: HttpUrl) -> HttpUrl:
    if url.username or url.password:
        raise ValueError("contains a user or a password; give the key as api_key")
    return url


class UpstreamConfig(ConfigSection):
    """One LLM at one address."""

    kind: Literal["openai", "ollama", "anthropic"] = "openai"
    url: Annotated[HttpUrl, AfterValidator(_without_password)]
    """address up to, but not including, /chat/completions (kind openai), /messages (anthropic) or /api/chat (ollama)"""
    model: str = Field(min_length=1)
    api_key: ApiKeyConfig | None = None
    speaks: Sequence[Operation] | None = Field(None, description="operations, if not those of its kind")
    local: bool | None = Field(None, description="it is on this device or the local network; true for loopback")
    context: int | None = Field(None, gt=0, description="tokens that prompt and answer may have together")
    concurrency: int = Field(64, gt=0, description="requests in progress at a time")
    queue: int = Field(256, ge=0, description="requests that may wait; more go to another upstream or get 503")
    connect_seconds: float | None = Field(None, gt=0, description="time to connect")
    first_byte_seconds: float | None = Field(None, gt=0, description="time until the answer begins")
    idle_seconds: float | None = Field(None, gt=0, description="longest silence within an answer")
    total_seconds: float | None = Field(None, gt=0, description="time for the whole answer")

    @cached_property
    def operations(self) -> frozenset[Operation]:
        return frozenset(KINDS[self.kind].speaks if self.speaks is None else self.speaks)

    @cached_property
    def is_local(self) -> bool:
        return is_loopback((self.url.host or "").strip("[]")) if self.local is None else self.local

    @property
    def base(self) -> str:
        """The URL before the paths of its kind; for Ollama without a `/v1` at its end."""
        url = str(self.url).rstrip("/")
        return url.removesuffix("/v1") if self.kind == "ollama" else url

    def address(self, operation: Operation) -> str:
        return self.base + KINDS[self.kind].paths[operation]

    def key_headers(self, key: str, operation: Operation) -> dict[str, str]:
        """Anthropic's own operations have a header of their own for the key."""
        if self.kind == "anthropic" and operation in ANTHROPIC_OPERATIONS:
            return {"x-api-key": key}
        return {"authorization": f"Bearer {key}"}


def is_loopback(host: str) -> bool:
    """True if `host` leads to this machine alone: a name or an address, IPv6 without brackets."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
