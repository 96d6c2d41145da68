"""A file of access keys, and their secrets."""

from pathlib import Path

import pytest

from edge_router.controller.auth import AccessKeyConfig, KeyFile, digest, keys

SECRET = "er-" + "s" * 43
OTHER = "er-" + "o" * 43


def key(name: str, secret: str, **more: object) -> AccessKeyConfig:
    return AccessKeyConfig.model_validate({"name": name, "sha256": digest(secret.encode()).hex(), **more})


@pytest.fixture(autouse=True)
def _checked_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keys, "CHECK_SECONDS", -1.0)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """`SECRET` for phone, `OTHER` for tv."""
    file = tmp_path / "keys.yaml"
    KeyFile(keys=[key("phone", SECRET, models=["small"], local_only=True), key("tv", OTHER)]).write(file)
    return file
