"""What leaves for an upstream is what came, but for the two fields that are the router's."""

from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_router.controller.surfaces.chat import Chat

TEXT = st.text(st.characters(exclude_categories=["Cs"]))
NUMBER = st.integers(-(2**63), 2**63) | st.floats(allow_nan=False, allow_infinity=False)
JSON = st.recursive(
    st.none() | st.booleans() | NUMBER | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=20,
)
MESSAGES = [{"role": "user", "content": "sort a list"}]


@given(fields=st.dictionaries(TEXT, JSON, max_size=5))
def test_any_field_passes_through_unchanged(fields: dict[str, Any]) -> None:
    body = fields | {"model": "auto", "messages": MESSAGES}
    body.pop("nim-llm-router", None)
    sent = Chat.parse(orjson.dumps(body)).addressed_to("large-model")
    assert orjson.loads(sent) == body | {"model": "large-model"}


@pytest.mark.parametrize("model", ["auto", "", None, 7])
def test_the_routers_own_field_stays_behind(model: Any) -> None:
    body = {"model": model, "messages": MESSAGES, "nim-llm-router": {"policy": "task_router"}, "n": 1}
    sent = orjson.loads(Chat.parse(orjson.dumps(body)).addressed_to("large-model"))
    assert sent == {"model": "large-model", "messages": MESSAGES, "n": 1}


@given(content=JSON)
def test_the_text_of_any_content_is_text(content: Any) -> None:
    chat = Chat.parse(orjson.dumps({"model": "auto", "messages": [{"role": "user", "content": content}]}))
    assert isinstance(chat.text, str)
    assert chat.text == content or not isinstance(content, str)
