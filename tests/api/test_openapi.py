"""`/openapi.json` describes exactly the paths that answer."""

import re

import aiohttp
from starlette.routing import Route

from edge_router.controller.api.openapi import openapi_document
from edge_router.controller.app import Endpoints
from edge_router.controller.config import RouterConfig
from edge_router.controller.runtime import Controller
from edge_router.controller.settings import Settings


async def test_each_path_of_the_document_answers_its_methods(client: aiohttp.ClientSession) -> None:
    async with client.get("/openapi.json") as reply:
        assert reply.status == 200
        paths = (await reply.json())["paths"]
    for path, item in paths.items():
        for method in item:
            async with client.request(method, re.sub(r"\{\w+\}", "auto", path), data=b"{") as reply:
                assert reply.status not in (404, 405), (method, path)


async def test_each_path_that_answers_is_documented(routes: RouterConfig) -> None:
    answering = Endpoints(Controller(routes, Settings())).routes
    paths = {re.sub(r":\w+}", "}", route.path) for route in answering if isinstance(route, Route)}
    assert paths == openapi_document()["paths"].keys()
