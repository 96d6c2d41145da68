"""Snippets of routes.yaml and JSON in the documents."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.docs.markdown import DOCUMENTS, ROOT, Block, Document
from tests.support.command import edge_router

BASE: dict[str, Any] = {
    "upstreams": {
        name: {"url": "http://127.0.0.1:11434", "model": name} for name in ("small", "large", "careful", "canary")
    },
    "default": "small",
    "policies": {"task_router": {}},
}
"""The parts that a snippet leaves out when it shows a part of the file."""


def _snippets(*languages: str) -> Iterator[tuple[Document, Block]]:
    for document in DOCUMENTS:
        for block in document.blocks:
            if block.language in languages:
                yield document, block


def _is_routes(text: str) -> bool:
    return bool(re.match(r"(#.*\n)?(upstreams|rules|abstain|policies|affinity|fallbacks|splits|classifier):", text))


ROUTES = [(document, block) for document, block in _snippets("", "yaml") if _is_routes(block.text)]


@pytest.mark.parametrize(("document", "block"), ROUTES, ids=[f"{document}:{block.line}" for document, block in ROUTES])
def test_a_snippet_of_routes_passes_the_check(document: Document, block: Block, tmp_path: Path) -> None:
    snippet = yaml.safe_load(block.text)
    legacy = isinstance(snippet.get("policies"), list)
    if secret := re.search(r"file: (/run/\S+?)[,}]", block.text):
        (tmp_path / "key").write_text("secret\n")
        snippet = yaml.safe_load(block.text.replace(secret[1], str(tmp_path / "key")))
    upstreams = {"upstreams": BASE["upstreams"] | snippet.get("upstreams", {})}
    routes = snippet if legacy else BASE | snippet | upstreams
    file = tmp_path / "routes.yaml"
    file.write_text(yaml.safe_dump(routes))
    done = edge_router("check", str(file), "--repository", str(ROOT / "model_repository"), EXAMPLE_API_KEY="secret")
    assert done.returncode == 0, f"{document}:{block.line}: {done.stdout}{done.stderr}"


def test_the_snippets_of_routes_are_found() -> None:
    assert len(ROUTES) > 5


@pytest.mark.parametrize(
    "block",
    [block for _, block in _snippets("json", "text") if block.text.startswith("{")],
    ids=lambda block: block.text[:40],
)
def test_json_can_be_read(block: Block) -> None:
    """`...` stands for what is left out."""
    text = re.sub(r"(\d)\.\.\.", r"\1", block.text)
    text = re.sub(r"(, )?\.\.\.", "", text)
    decoder, at = json.JSONDecoder(), 0
    while at < len(text):
        _, at = decoder.raw_decode(text, at)
        at += len(text[at:]) - len(text[at:].lstrip())


@pytest.mark.parametrize("block", [block for _, block in _snippets("yaml")], ids=lambda block: block.text[:40])
def test_yaml_can_be_read(block: Block) -> None:
    assert yaml.safe_load(block.text)
