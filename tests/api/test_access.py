"""Access keys, rate limits and refused hosts over HTTP."""

from pathlib import Path
from typing import Any

import aiohttp
import pytest

from edge_router.controller.auth import AccessKeyConfig, KeyFile, digest
from edge_router.controller.config import RouterConfig
from tests.api.conftest import Upstream
from tests.support.controller import Control, GivenClassifier

CHAT = "/v1/chat/completions"
BODY = {"model": "auto", "messages": [{"role": "user", "content": "sort a list"}]}
SECRET = "er-" + "s" * 43
BEARER = {"authorization": f"Bearer {SECRET}"}
POSTS = (
    CHAT, "/chat/completions", "/v1/completions", "/completions", "/v1/embeddings", "/v1/responses",
    "/v1/messages", "/v1/messages/count_tokens", "/v1/route",
    "/api/chat", "/api/generate", "/api/embed", "/api/embeddings", "/api/show",
)  # fmt: skip
GETS = ("/v1/models", "/v1/models/auto", "/api/tags", "/config", "/metrics")
CLOSED = [*(("POST", path) for path in POSTS), *(("GET", path) for path in GETS)]


@pytest.fixture
def keys(tmp_path: Path) -> Path:
    file = tmp_path / "keys.yaml"
    write(file)
    return file


def write(file: Path, **more: Any) -> None:
    """`SECRET` is the phone's, which may do as `more` says."""
    given = {"name": "phone", "sha256": digest(SECRET.encode()).hex(), **more}
    KeyFile(keys=[AccessKeyConfig.model_validate(given)]).write(file)


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"authorization": f"Basic {SECRET}"},
        {"authorization": f"Bearer {SECRET[:-1]}"},
        {"authorization": f"Bearer {SECRET}", "x-api-key": "another"},
        {"authorization": "Bearer " + "k" * 20_000},
    ],
    ids=["none", "Basic", "truncated", "disagreeing", "long"],
)
async def test_no_address_answers_without_a_valid_key(
    control: Control,
    routes: RouterConfig,
    classifier: GivenClassifier,
    upstream: Upstream,
    keys: Path,
    headers: dict[str, str],
) -> None:
    client = await control(routes, classifier, keys=keys)
    said = set()
    for method, path in CLOSED:
        async with client.request(method, path, json=BODY, headers=headers, params={"key": SECRET}) as reply:
            assert (reply.status, reply.headers.get("www-authenticate")) == (401, "Bearer"), path
            assert reply.headers["x-request-id"]
            said.add(_message(await reply.json()))
    assert len(said) == 1
    assert upstream.requests == []


async def test_health_needs_no_key_and_metrics_none_where_they_are_open(
    control: Control, routes: RouterConfig, classifier: GivenClassifier, keys: Path
) -> None:
    client = await control(routes, classifier, keys=keys, metrics_open=True)
    for path in ("/health", "/health/live", "/health/ready", "/metrics"):
        async with client.get(path) as reply:
            assert reply.status == 200, path


@pytest.mark.parametrize("headers", [BEARER, {"x-api-key": SECRET}])
async def test_a_key_admits_to_everything_and_is_not_passed_on(
    control: Control,
    routes: RouterConfig,
    classifier: GivenClassifier,
    upstream: Upstream,
    keys: Path,
    headers: dict[str, str],
) -> None:
    client = await control(routes, classifier, keys=keys)
    for path in GETS:
        async with client.get(path, headers=headers) as reply:
            assert reply.status == 200, path
    async with client.post(CHAT, json=BODY, headers=headers) as reply:
        assert reply.status == 200
    assert SECRET not in str(upstream.requests[-1].headers)


async def test_a_key_admits_to_its_own_models_by_any_name(
    control: Control, routes: RouterConfig, classifier: GivenClassifier, upstream: Upstream, keys: Path
) -> None:
    write(keys, models=["small"])
    client = await control(routes, classifier, keys=keys)
    for model in ("large-model", "large"):
        async with client.post(CHAT, json=BODY | {"model": model}, headers=BEARER) as reply:
            assert reply.status == 403, model
    classifier.label = "Code"  # whose route is `large`
    async with client.post(CHAT, json=BODY, headers=BEARER) as reply:
        assert reply.status == 200
    assert [request.body["model"] for request in upstream.requests] == ["small-model"]


@pytest.mark.parametrize("limits", [{"requests_per_minute": 1}, {"tokens_per_minute": 10}])
async def test_over_its_limit_a_key_gets_429_with_retry_after(
    control: Control,
    routes: RouterConfig,
    classifier: GivenClassifier,
    upstream: Upstream,
    keys: Path,
    limits: dict[str, int],
) -> None:
    async def costly(request: aiohttp.web.Request) -> aiohttp.web.StreamResponse:
        usage = {"prompt_tokens": 9, "completion_tokens": 9, "total_tokens": 18}
        message = {"role": "assistant", "content": "x"}
        choice = {"index": 0, "message": message, "finish_reason": "stop"}
        return aiohttp.web.json_response({"object": "chat.completion", "choices": [choice], "usage": usage})

    upstream.answer = costly
    write(keys, **limits)
    client = await control(routes, classifier, keys=keys)
    async with client.post(CHAT, json=BODY, headers=BEARER) as reply:
        assert reply.status == 200
        await reply.read()
    async with client.post(CHAT, json=BODY, headers=BEARER) as reply:
        assert reply.status == 429
        assert 0 < int(reply.headers["retry-after"]) <= 60
        assert (await reply.json())["error"]["type"] == "rate_limit_error"
    assert len(upstream.requests) == 1


async def test_an_unknown_host_is_refused_on_loopback(client: aiohttp.ClientSession) -> None:
    for path in ("/v1/models", "/health"):
        async with client.get(path, headers={"host": "evil.example.com"}) as reply:
            assert reply.status == 403
            assert "Host" in (await reply.json())["error"]["message"]


async def test_a_request_with_images_may_be_larger_than_one_of_text(
    control: Control, routes: RouterConfig, classifier: GivenClassifier, upstream: Upstream
) -> None:
    client = await control(routes, classifier, body_bytes=1000, image_body_bytes=4000)
    image = {"type": "image_url", "image_url": {"url": "data:image/png;base64," + "A" * 2000}}
    text = {"type": "text", "text": "A" * 2000}
    for part, status in ((image, 200), (text, 413)):
        async with client.post(CHAT, json=BODY | {"messages": [{"role": "user", "content": [part]}]}) as reply:
            assert reply.status == status
    image["image_url"] = {"url": "data:image/png;base64," + "A" * 4000}
    async with client.post(CHAT, json=BODY | {"messages": [{"role": "user", "content": [image]}]}) as reply:
        assert reply.status == 413
    assert len(upstream.requests) == 1


def _message(content: Any) -> str:
    """Of an error, in whichever API's words."""
    error = content["error"]
    return str(error if isinstance(error, str) else error["message"])
