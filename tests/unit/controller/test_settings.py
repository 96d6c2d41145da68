"""The environment: a wrong variable is refused at start, by its name."""

from pathlib import Path

import pytest

from edge_router.controller.settings import Settings
from edge_router.errors import ConfigError
from edge_router.settings import read


@pytest.fixture(autouse=True)
def _no_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("ROUTES", "CLASSIFIER_URL", "HOST", "PORT", "CLASSIFIER_BUDGET_MS", "BODY_BYTES", "IDLE_SECONDS"):
        monkeypatch.delenv(f"EDGE_ROUTER_{name}", raising=False)


def test_a_container_needs_no_variable() -> None:
    settings = read(Settings)
    assert (settings.port, settings.host, settings.routes) == (8084, "127.0.0.1", Path("/etc/edge-router/routes.yaml"))
    assert str(settings.classifier_url) == "http://router-server:8000/"


def test_variables_are_followed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EDGE_ROUTER_PORT", "9000")
    monkeypatch.setenv("EDGE_ROUTER_CLASSIFIER_BUDGET_MS", "20")
    settings = read(Settings)
    assert (settings.port, settings.classifier_budget_ms) == (9000, 20)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PORT", "0"),
        ("PORT", "65536"),
        ("PORT", "http"),
        ("CLASSIFIER_BUDGET_MS", "0"),
        ("CLASSIFIER_BUDGET_MS", "1.5"),
        ("BODY_BYTES", "-1"),
        ("BODY_BYTES", "8MB"),
        ("CONNECT_SECONDS", "0"),
        ("IDLE_SECONDS", "0"),
        ("IDLE_SECONDS", "nan"),
        ("CLASSIFIER_URL", "router-server:8000"),
        ("CLASSIFIER_URL", ""),
    ],
)
def test_a_wrong_variable_is_refused_by_its_name(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(f"EDGE_ROUTER_{name}", value)
    with pytest.raises(ConfigError, match=f"^EDGE_ROUTER_{name}: "):
        read(Settings)


def test_every_wrong_variable_is_named_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EDGE_ROUTER_PORT", "http")
    monkeypatch.setenv("EDGE_ROUTER_BODY_BYTES", "8MB")
    with pytest.raises(ConfigError, match=r"(?=.*EDGE_ROUTER_PORT: )(?=.*EDGE_ROUTER_BODY_BYTES: )"):
        read(Settings)
