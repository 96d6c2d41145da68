"""The environment: a wrong variable is refused at start, by its name."""

import os
from pathlib import Path

import pytest

from edge_router.controller.settings import Settings
from edge_router.errors import ConfigError
from edge_router.settings import read


@pytest.fixture(autouse=True)
def _no_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("EDGE_ROUTER_")]:
        monkeypatch.delenv(name)


def test_a_container_needs_no_variable() -> None:
    settings = read(Settings)
    assert (settings.port, settings.host, settings.routes) == (8084, "127.0.0.1", Path("/etc/edge-router/routes.yaml"))
    assert (settings.classifier_url, settings.classifier_budget_ms) == (None, None)


def test_a_routes_file_is_optional_unless_a_variable_names_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Path, "exists", lambda path: False)
    assert read(Settings).routes_file is None
    monkeypatch.setenv("EDGE_ROUTER_ROUTES", "/nowhere/routes.yaml")
    assert read(Settings).routes_file == Path("/nowhere/routes.yaml")
    monkeypatch.delenv("EDGE_ROUTER_ROUTES")
    monkeypatch.setattr(Path, "exists", lambda path: True)
    assert read(Settings).routes_file == Path("/etc/edge-router/routes.yaml")


def test_variables_are_followed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EDGE_ROUTER_PORT", "9000")
    monkeypatch.setenv("EDGE_ROUTER_CLASSIFIER_BUDGET_MS", "20")
    monkeypatch.setenv("EDGE_ROUTER_ALLOWED_HOSTS", "box.example.com, llm.example.com")
    settings = read(Settings)
    assert (settings.port, settings.classifier_budget_ms) == (9000, 20)
    assert settings.allowed_hosts == ["box.example.com", "llm.example.com"]


def test_several_classifiers_stand_in_one_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EDGE_ROUTER_CLASSIFIER_URL", "http://first:8000, http://second:8000")
    assert [str(url) for url in read(Settings).classifier_url or ()] == ["http://first:8000/", "http://second:8000/"]


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
        ("IMAGE_BODY_BYTES", "0"),
        ("CONNECT_SECONDS", "0"),
        ("FIRST_BYTE_SECONDS", "0"),
        ("IDLE_SECONDS", "0"),
        ("IDLE_SECONDS", "nan"),
        ("IDLE_SECONDS", "inf"),
        ("RETRIES", "-1"),
        ("RETRY_BUDGET", "20"),
        ("BREAKER_FAILURES", "0"),
        ("BREAKER_SECONDS", "0"),
        ("GRACE_SECONDS", "-1"),
        ("INSECURE", "perhaps"),
        ("METRICS_OPEN", "2"),
        ("LOG_LEVEL", "verbose"),
        ("ALLOWED_HOSTS", "box,"),
        ("CLASSIFIER_URL", "router-server:8000"),
        ("CLASSIFIER_URL", "http://router-server:8000,"),
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
