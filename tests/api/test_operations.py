"""Every endpoint over HTTP, as curl sends requests."""

from typing import Any

import aiohttp
import msgspec
import pytest
from aiohttp import web

from edge_router.controller.config import RouterConfig
from tests.api.conftest import Upstream
from tests.support.controller import GivenClassifier

MESSAGES = [{"role": "user", "content": "sort a list"}]
FIELD = {"nim-llm-router": {"policy": "task_router", "routing_strategy": "triton"}}
SPOKEN: dict[str, tuple[str, dict[str, Any]]] = {
    "/v1/chat/completions": ("/v1/chat/completions", {"messages": MESSAGES}),
    "/chat/completions": ("/v1/chat/completions", {"messages": MESSAGES}),
    "/v1/completions": ("/v1/completions", {"prompt": "sort a list"}),
    "/completions": ("/v1/completions", {"prompt": "sort a list"}),
    "/v1/responses": ("/v1/responses", {"input": "sort a list"}),
    "/v1/messages": ("/v1/messages", {"messages": MESSAGES, "max_tokens": 9}),
    "/api/chat": ("/api/chat", {"messages": MESSAGES, "stream": False}),
    "/api/generate": ("/api/generate", {"prompt": "sort a list", "stream": False}),
}
"""(path at the upstream, smallest body) by path."""


@pytest.fixture
def routes(routes: RouterConfig) -> RouterConfig:
    """The upstreams are Ollama servers, which answer nearly every operation."""
    written: dict[str, Any] = routes.model_dump(mode="json", exclude_unset=True)
    for each in written["upstreams"].values():
        each["kind"] = "ollama"
    return RouterConfig.model_validate(written)


@pytest.fixture
def paths(upstream: Upstream) -> list[str]:
    """Paths of the requests to the upstream."""
    paths: list[str] = []

    async def echo(request: web.Request) -> web.StreamResponse:
        paths.append(request.path)
        return web.json_response({"object": "echo", "request": msgspec.json.decode(await request.read())})

    upstream.answer = echo
    return paths


@pytest.mark.parametrize("path", SPOKEN)
async def test_a_request_is_classified_and_passed_to_the_same_path_with_every_field(
    client: aiohttp.ClientSession, classifier: GivenClassifier, paths: list[str], path: str
) -> None:
    theirs, least = SPOKEN[path]
    body = {"model": "auto", "x-unknown": {"kept": [1, None]}} | least
    async with client.post(path, json=body) as reply:
        assert (reply.status, reply.headers["x-edge-router-label"]) == (200, "Code")
        assert (await reply.json())["request"] == body | {"model": "large-model"}
    assert classifier.texts == ["sort a list"]
    assert paths == [theirs]


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/chat/completions", "/v1/completions", "/completions"])
async def test_the_old_contract_works_at_all_of_its_paths(
    client: aiohttp.ClientSession, upstream: Upstream, paths: list[str], path: str
) -> None:
    async with client.post(path, json=FIELD | SPOKEN[path][1]) as reply:
        assert (reply.status, reply.headers["X-Chosen-Classifier"]) == (200, "Code")
    assert upstream.last == SPOKEN[path][1] | {"model": "large-model"}


@pytest.mark.parametrize(
    ("path", "fields"),
    [("/v1/embeddings", {"input": "one"}), ("/api/embed", {"input": "one"}), ("/api/embeddings", {"prompt": "one"})],
)
async def test_an_embedding_comes_from_the_named_model(
    client: aiohttp.ClientSession, classifier: GivenClassifier, paths: list[str], path: str, fields: dict[str, str]
) -> None:
    async with client.post(path, json={"model": "small-model"} | fields) as reply:
        assert (reply.status, (await reply.json())["request"]) == (200, {"model": "small-model"} | fields)
    assert (paths, classifier.texts) == ([path], [])


async def test_a_model_is_retrieved_or_not_found(client: aiohttp.ClientSession) -> None:
    async with client.get("/v1/models") as reply:
        listed = {model["id"]: model["owned_by"] for model in (await reply.json())["data"]}
    assert listed == {
        "auto": "edge-router",
        "task_router": "edge-router",
        "complexity_router": "edge-router",
        "small-model": "small",
        "large-model": "large",
    }
    async with client.get("/v1/models/small-model") as reply:
        assert (reply.status, (await reply.json())["id"]) == (200, "small-model")
    async with client.get("/v1/models/no/such:model") as reply:
        error = (await reply.json())["error"]
        assert (reply.status, error["code"]) == (404, "model_not_found")


@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_ollamas_clients_find_a_server(client: aiohttp.ClientSession, method: str) -> None:
    async with client.request(method, "/") as reply:
        assert (reply.status, await reply.text()) == (200, "Ollama is running" if method == "GET" else "")
    async with client.request(method, "/api/version") as reply:
        assert reply.status == 200


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/api/create"),
        ("POST", "/api/pull"),
        ("POST", "/api/push"),
        ("POST", "/api/copy"),
        ("DELETE", "/api/delete"),
        ("POST", "/api/blobs/sha256:0"),
    ],
)
async def test_model_management_is_refused(
    client: aiohttp.ClientSession, upstream: Upstream, method: str, path: str
) -> None:
    async with client.request(method, path, json={"model": "small-model"}) as reply:
        assert (reply.status, list(await reply.json())) == (403, ["error"])
    assert upstream.requests == []


@pytest.mark.parametrize(
    ("path", "shape"),
    [("/api/nowhere", str), ("/v1/nowhere", dict), ("/v1/messages/nowhere", dict)],
)
async def test_an_unknown_path_is_refused_in_the_error_format_of_its_api(
    client: aiohttp.ClientSession, path: str, shape: type
) -> None:
    async with client.post(path, json={}) as reply:
        assert reply.status == 404
        assert isinstance((await reply.json())["error"], shape)
