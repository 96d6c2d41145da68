"""The OpenAPI document is complete and consistent, as generators of clients need it."""

from collections.abc import Iterator
from typing import Any

import pytest

from edge_router.controller.api import PATHS, Operation
from edge_router.controller.api.openapi import SCHEMAS, openapi_document

DOCUMENT = openapi_document()
METHODS = {"get", "post", "delete"}


def inside(node: Any) -> Iterator[dict[str, Any]]:
    if isinstance(node, dict):
        yield node
        for each in node.values():
            yield from inside(each)
    elif isinstance(node, list | tuple):
        for each in node:
            yield from inside(each)


def test_every_reference_resolves() -> None:
    references = [node["$ref"] for node in inside(DOCUMENT) if "$ref" in node]
    assert references
    for reference in references:
        node: Any = DOCUMENT
        for part in reference.removeprefix("#/").split("/"):
            node = node[part]


def test_every_operation_describes_its_answers() -> None:
    assert DOCUMENT["openapi"].startswith("3.1.")
    for path, item in DOCUMENT["paths"].items():
        assert path.startswith("/")
        assert item.keys() <= METHODS
        for operation in item.values():
            assert operation["summary"]
            assert all(answer["description"] for answer in operation["responses"].values())


def test_every_parameter_of_a_path_is_declared() -> None:
    for path, item in DOCUMENT["paths"].items():
        for operation in item.values():
            declared = {parameter["name"] for parameter in operation.get("parameters", ())}
            assert declared == {part.strip("{}") for part in path.split("/") if "{" in part}


@pytest.mark.parametrize("path", PATHS)
def test_every_path_of_an_operation_is_described(path: str) -> None:
    content = DOCUMENT["paths"][path]["post"]["requestBody"]["content"]["application/json"]
    answers = DOCUMENT["paths"][path]["post"]["responses"]["200"]["content"]
    assert set(answers) == {"application/json", PATHS[path].stream or "application/json"}
    assert content["schema"]["$ref"] == f"#/components/schemas/{PATHS[path].operation}"


def test_every_operations_request_is_described_and_open_to_more_fields() -> None:
    assert SCHEMAS.keys() >= set(Operation)
    for schema in SCHEMAS.values():
        assert schema["additionalProperties"] is True
        assert set(schema["required"]) <= schema["properties"].keys()
