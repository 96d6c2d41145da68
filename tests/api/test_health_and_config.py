"""Endpoints for operators: liveness, readiness, configuration."""

from pathlib import Path

import aiohttp
import pytest
from structlog.testing import capture_logs

from edge_router.controller.config import RouterConfig
from edge_router.errors import UnavailableError
from tests.support.controller import Control, GivenClassifier

READY = "/health/ready"


@pytest.mark.parametrize("path", ["/health", "/health/live"])
async def test_live_whatever_the_classifier_does(
    client: aiohttp.ClientSession, classifier: GivenClassifier, path: str
) -> None:
    classifier.failure = UnavailableError("gone")
    async with client.get(path) as reply:
        assert (reply.status, (await reply.json())["status"]) == (200, "live")


async def test_ready_after_a_real_classification(client: aiohttp.ClientSession, classifier: GivenClassifier) -> None:
    async with client.get(READY) as reply:
        upstreams = {"small": "up", "large": "up"}
        content = {"status": "ready", "classifier": "ready", "upstreams": upstreams}
        assert (reply.status, await reply.json()) == (200, content)
    assert len(classifier.texts) == 1


async def test_not_ready_before_the_classifier_is_discovered(
    control: Control, routes: RouterConfig, classifier: GivenClassifier
) -> None:
    classifier.discovered = False
    client = await control(routes, classifier)
    async with client.get(READY) as reply:
        assert reply.status == 503
        content = await reply.json()
    assert (content["status"], content["classifier"]) == ("degraded", "the classifier has not answered yet")


async def test_not_ready_while_the_classifier_fails_and_ready_again_after(
    client: aiohttp.ClientSession, classifier: GivenClassifier
) -> None:
    classifier.failure = UnavailableError("gone")
    async with client.get(READY) as reply:
        assert (reply.status, (await reply.json())["classifier"]) == (503, "classifier unavailable")
    classifier.failure = None
    async with client.get(READY) as reply:
        assert reply.status == 200


async def test_not_ready_if_a_route_names_an_unknown_label(
    control: Control, routes: RouterConfig, classifier: GivenClassifier
) -> None:
    content = routes.model_dump(mode="json", exclude_none=True)
    content["policies"]["task_router"]["routes"] = {"Cooode": "large"}
    client = await control(RouterConfig.model_validate(content), classifier)
    async with client.get(READY) as reply:
        problem = (await reply.json())["classifier"]
        assert reply.status == 503
        assert "policies.task_router.routes: unknown label Cooode" in problem


async def test_the_configuration_shows_the_source_of_keys_but_no_key(
    control: Control, routes: RouterConfig, classifier: GivenClassifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LARGE_KEY", "the-secret-itself")
    content = routes.model_dump(mode="json", exclude_none=True)
    content["upstreams"]["large"]["api_key"] = {"env": "LARGE_KEY"}
    client = await control(RouterConfig.model_validate(content), classifier)
    async with client.get("/config") as reply:
        assert (reply.status, await reply.json()) == (200, content)
        assert "the-secret-itself" not in await reply.text()


async def test_models_lists_every_name_that_a_client_may_use(client: aiohttp.ClientSession) -> None:
    async with client.get("/v1/models") as reply:
        listed = await reply.json()
    names = [model["id"] for model in listed["data"]]
    assert names == ["auto", "task_router", "complexity_router", "small-model", "large-model"]
    body = {"messages": [{"role": "user", "content": "sort a list"}]}
    for name in names:
        async with client.post("/v1/chat/completions", json=body | {"model": name}) as reply:
            assert reply.status == 200


async def test_old_keys_of_the_config_are_logged_at_the_start(control: Control, tmp_path: Path) -> None:
    file = tmp_path / "routes.yaml"
    file.write_text(
        "upstreams: {small: {url: http://127.0.0.1:9/v1, model: s}}\ndefault: small\nhelpers: small\n"
        "policies: {task_router: {}}\n"
    )
    with capture_logs() as logs:
        await control(RouterConfig.read(file), GivenClassifier())
    [problem] = [line["problem"] for line in logs if line["event"] == "deprecated keys in the config"]
    assert problem == f"{file}:3: helpers: deprecated; rename it to background_tasks"
