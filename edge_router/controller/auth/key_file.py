"""The file of access keys: names, digests and limits, without the secrets.

keys:
- {name: phone, sha256: 9f86d0..., models: [local], requests_per_minute: 60, tokens_per_minute: 20000, local_only: true}

SHA-256 is enough: a secret is 256 random bits, so it needs no slow hash as a password does.
"""

import base64
import hashlib
import secrets
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Self

import yaml
from pydantic import Field, ValidationError, model_validator

from edge_router import atomic_write
from edge_router.controller.config import ConfigSection
from edge_router.errors import ConfigError
from edge_router.validation import PATTERN_WORDS, ConfigProblems, Problem, in_one_line

PREFIX = "er-"
"""Makes a leaked key recognisable."""
OWNER_ONLY = 0o600


class AccessKeyConfig(ConfigSection):
    """One access key as the file has it."""

    name: str = Field(
        min_length=1,
        max_length=64,
        pattern=r"^[\w.@-]+$",
        json_schema_extra={PATTERN_WORDS: "may have letters, digits and _ . @ - only"},
    )
    sha256: str = Field(
        pattern=r"^[0-9a-f]{64}$", json_schema_extra={PATTERN_WORDS: "must be a SHA-256 digest: 64 hexadecimal digits"}
    )
    models: Sequence[Annotated[str, Field(min_length=1)]] | None = Field(
        None, min_length=1, description="upstreams or models that it may use; all if missing"
    )
    requests_per_minute: int | None = Field(None, gt=0)
    tokens_per_minute: int | None = Field(None, gt=0)
    local_only: bool = Field(False, description="its requests must stay on this device or the local network")


class KeyFile(ConfigSection):
    """A whole file of access keys."""

    keys: Sequence[AccessKeyConfig] = ()

    @classmethod
    def read(cls, file: Path) -> Self:
        """Raises ConfigError with file and place. The message repeats nothing of the file's content."""
        try:
            return cls.model_validate(yaml.safe_load(file.read_text()) or {})
        except OSError as error:
            raise ConfigError(f"{file}: {error.strerror}") from error
        except (UnicodeDecodeError, yaml.YAMLError):
            raise ConfigError(f"{file}: not YAML") from None
        except ValidationError as error:
            raise ConfigError(f"{file}: {in_one_line(error, cls)}") from None

    @model_validator(mode="after")
    def _keys_differ(self) -> Self:
        problems: list[Problem] = []
        for at, key in enumerate(self.keys):
            others = self.keys[:at]
            if any(key.name == other.name for other in others):
                problems.append((("keys", at, "name"), f"{key.name} occurs twice; give each key a name of its own"))
            if any(key.sha256 == other.sha256 for other in others):
                problems.append((("keys", at, "sha256"), "occurs twice; give each name a key of its own"))
        if problems:
            raise ConfigProblems(problems)
        return self

    def write(self, file: Path) -> None:
        """Replaces the file atomically; only its owner may read it. Raises ConfigError."""
        text = yaml.safe_dump(self.model_dump(mode="json", exclude_defaults=True), sort_keys=False)
        try:
            atomic_write.write(file, text, OWNER_ONLY)
        except OSError as error:
            raise ConfigError(atomic_write.failure(file, error)) from error


def new_secret() -> str:
    return PREFIX + base64.urlsafe_b64encode(secrets.token_bytes(32)).rstrip(b"=").decode()


def digest(secret: bytes) -> bytes:
    return hashlib.sha256(secret).digest()
