"""A request reaches the upstream as it came, except for the two fields of the router."""

import json
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_router.controller.api import PATHS, LlmRequest, Operation, RoutingHint
from edge_router.errors import RequestError

TEXT = st.text(st.characters(exclude_categories=["Cs"]))
NUMBER = st.integers(-(2**63), 2**63) | st.floats(allow_nan=False, allow_infinity=False)
JSON = st.recursive(
    st.none() | st.booleans() | NUMBER | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=20,
)
MESSAGES = [{"role": "user", "content": "sort a list"}]
CHAT = "/v1/chat/completions"
LEAST: Mapping[str, dict[str, Any]] = {
    CHAT: {"messages": MESSAGES},
    "/chat/completions": {"messages": MESSAGES},
    "/v1/completions": {"prompt": "sort a list"},
    "/completions": {"prompt": "sort a list"},
    "/v1/embeddings": {"input": "sort a list"},
    "/v1/responses": {"input": "sort a list"},
    "/v1/messages": {"messages": MESSAGES},
    "/v1/messages/count_tokens": {"messages": MESSAGES},
    "/api/chat": {"messages": MESSAGES},
    "/api/generate": {"prompt": "sort a list"},
    "/api/embed": {"input": ["sort a list"]},
    "/api/embeddings": {"prompt": "sort a list"},
}
"""The smallest body by path, without the model."""
NAMES = {"auto", "task_router", "small", "tagged:latest"}


def parsed(path: str, body: Any) -> LlmRequest:
    return PATHS[path].parse(body if isinstance(body, bytes) else json.dumps(body).encode(), NAMES)


def sent(path: str, body: Any) -> Any:
    """The body for an upstream that speaks every operation."""
    to_upstream = parsed(path, body).to_upstream(frozenset(Operation), "large-model")
    assert to_upstream is not None
    assert to_upstream.translation is None
    return json.loads(to_upstream.body)


@pytest.mark.parametrize("path", LEAST)
@settings(deadline=None)
@given(fields=st.dictionaries(TEXT, JSON, max_size=5))
def test_any_field_passes_through_unchanged(path: str, fields: dict[str, Any]) -> None:
    body = fields | {"model": "auto"} | LEAST[path]
    body.pop("nim-llm-router", None)
    assert sent(path, body) == body | {"model": "large-model"}


def test_fields_that_are_not_read_pass_byte_for_byte() -> None:
    body = b'{"model":"auto","messages":[{"role":"user","content":"h\\u0069"}],"seed":1.50,"n":12345678901234567890123}'
    to_upstream = parsed(CHAT, body).to_upstream(frozenset(Operation), "large-model")
    assert to_upstream is not None
    assert to_upstream.body == body.replace(b'"auto"', b'"large-model"')


@pytest.mark.parametrize("path", [CHAT, "/chat/completions", "/v1/completions", "/completions"])
@pytest.mark.parametrize("model", ["auto", "", None, 7])
def test_the_routers_own_field_replaces_the_model_and_is_removed(path: str, model: Any) -> None:
    body = {"model": model, "n": 1, "nim-llm-router": {"policy": "task_router"}} | LEAST[path]
    assert parsed(path, body).hint == RoutingHint("task_router")
    assert sent(path, body) == {"model": "large-model", "n": 1} | LEAST[path]


@pytest.mark.parametrize("path", LEAST)
def test_a_path_sends_its_own_operation(path: str) -> None:
    only = parsed(path, {"model": "auto"} | LEAST[path]).to_upstream(frozenset({PATHS[path].operation}), "m")
    assert only is not None
    assert only.operation == PATHS[path].operation


@pytest.mark.parametrize("path", LEAST)
@pytest.mark.parametrize("model", [None, "", 7, ["auto"]])
def test_a_request_without_a_model_is_refused(path: str, model: Any) -> None:
    with pytest.raises(RequestError, match=r"^model is missing"):
        parsed(path, {"model": model} | LEAST[path])


@pytest.mark.parametrize(
    ("path", "missing"),
    [
        (path, next(iter(least)))
        for path, least in LEAST.items()
        if path not in ("/api/chat", "/api/generate", "/v1/responses")
    ],
)
def test_a_request_without_a_prompt_is_refused_by_its_fields_name(path: str, missing: str) -> None:
    with pytest.raises(RequestError, match=f"^{missing} "):
        parsed(path, {"model": "auto"})


@pytest.mark.parametrize("path", ["/api/chat", "/api/generate"])
def test_ollamas_request_to_load_a_model_goes_to_an_ollama_alone(path: str) -> None:
    request = parsed(path, {"model": "small"})
    assert not any(message.text for message in request.messages)
    assert sent(path, {"model": "small"}) == {"model": "large-model"}
    assert request.to_upstream(frozenset({Operation.CHAT}), "m") is None


@pytest.mark.parametrize("path", [path for path, least in LEAST.items() if "messages" in least])
@pytest.mark.parametrize("messages", ["hello", {}, ["hello"], 7])
def test_messages_of_another_form_are_refused(path: str, messages: Any) -> None:
    with pytest.raises(RequestError, match="messages"):
        parsed(path, {"model": "auto", "messages": messages})


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"{", id="cut"),
        pytest.param(b"{} {}", id="two"),
        pytest.param(b"\xef\xbb\xbf{}", id="BOM"),
        pytest.param(b'{"model": "auto", "x": "\xff"}', id="not UTF-8"),
        pytest.param(b'{"model": "auto", "x": "\xed\xa0\x80"}', id="surrogate in UTF-8"),
        pytest.param(b'{"model": "auto", "x": "\\ud800 "}', id="surrogate escaped"),
        pytest.param(b'{"model": "auto", "x": NaN}', id="NaN"),
        pytest.param(b'{"model": "auto", "x": ' + b"[" * 100_000 + b"]" * 100_000 + b"}", id="deep"),
    ],
)
def test_invalid_json_is_refused_wherever_it_is(body: bytes) -> None:
    with pytest.raises(RequestError, match="not valid JSON"):
        parsed(CHAT, body)


@pytest.mark.parametrize("body", [b"[]", b'"text"', b"null", b"1"])
def test_json_that_is_not_an_object_is_refused(body: bytes) -> None:
    with pytest.raises(RequestError, match="must be a JSON object"):
        parsed(CHAT, body)


@pytest.mark.parametrize("path", LEAST)
@settings(deadline=None)
@given(body=st.dictionaries(st.sampled_from(["model", "messages", "prompt", "input", "tools", "options", "system",
    "stream", "user", "metadata", "text", "format", "think", "nim-llm-router", "max_tokens"]), JSON))  # fmt: skip
def test_any_body_is_accepted_or_refused(path: str, body: dict[str, Any]) -> None:
    for speaks in (frozenset(Operation), frozenset({Operation.CHAT, Operation.EMBEDDINGS})):
        try:
            request = parsed(path, {"model": "auto"} | LEAST[path] | body)
            assert all(isinstance(message.text, str) for message in request.messages)
            assert request.features.tokens >= 0
            assert isinstance(request.stream, bool)
            assert isinstance(request.user, str | None)
            assert request.conversation
            request.to_upstream(speaks, "m")
        except RequestError:
            pass


@pytest.mark.parametrize(
    ("path", "stream", "streamed"),
    [
        (CHAT, None, False),
        (CHAT, True, True),
        (CHAT, False, False),
        ("/v1/messages", True, True),
        ("/api/chat", None, True),
        ("/api/chat", False, False),
        ("/api/generate", None, True),
        ("/api/embed", None, False),
    ],
)
def test_streaming_follows_the_rules_of_the_api(path: str, stream: bool | None, streamed: bool) -> None:
    assert parsed(path, {"model": "auto", "stream": stream} | LEAST[path]).stream is streamed


@pytest.mark.parametrize(
    ("model", "asked_for"),
    [
        ("auto:latest", "auto"),
        ("small:latest", "small"),
        ("tagged:latest", "tagged:latest"),
        ("elsewhere:latest", "elsewhere:latest"),
        ("auto", "auto"),
    ],
)
def test_the_tag_that_ollamas_clients_add_is_removed_from_known_names(model: str, asked_for: str) -> None:
    assert parsed("/api/chat", {"model": model} | LEAST["/api/chat"]).hint == RoutingHint(model=asked_for)


@pytest.mark.parametrize(
    ("path", "fields", "user"),
    [
        (CHAT, {"user": "ann"}, "ann"),
        (CHAT, {}, None),
        (CHAT, {"user": 7}, None),
        ("/v1/messages", {"metadata": {"user_id": "ann"}}, "ann"),
        ("/v1/messages", {"metadata": "ann"}, None),
    ],
)
def test_the_user_is_the_one_that_the_client_names(path: str, fields: dict[str, Any], user: str | None) -> None:
    assert parsed(path, {"model": "auto"} | LEAST[path] | fields).user == user


def test_a_conversation_keeps_its_identity_from_turn_to_turn() -> None:
    began = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "hello"}]
    later = [*began, {"role": "assistant", "content": "hi"}, {"role": "user", "content": "sort a list"}]
    first, second = (parsed(CHAT, {"model": "auto", "messages": messages}).conversation for messages in (began, later))
    assert first == second


@pytest.mark.parametrize(
    ("path", "instructions"),
    [
        (CHAT, {"messages": [{"role": "system", "content": "Be brief."}, *MESSAGES]}),
        (CHAT, {"messages": [{"role": "user", "content": "hello"}]}),
        ("/v1/messages", {"system": "Be brief."}),
        ("/v1/responses", {"instructions": "Be brief."}),
        ("/api/generate", {"system": "Be brief."}),
    ],
)
def test_another_beginning_is_another_conversation(path: str, instructions: dict[str, Any]) -> None:
    one, other = (parsed(path, {"model": "auto"} | LEAST[path] | fields) for fields in ({}, instructions))
    assert one.conversation != other.conversation


@pytest.mark.parametrize(
    ("path", "speaks"),
    [
        ("/v1/responses", {Operation.CHAT}),
        ("/v1/messages", {Operation.CHAT}),
        ("/v1/messages/count_tokens", {Operation.MESSAGES}),
        ("/v1/completions", {Operation.CHAT}),
    ],
)
def test_no_request_is_made_for_an_operation_that_the_upstream_does_not_speak(
    path: str, speaks: set[Operation]
) -> None:
    assert parsed(path, {"model": "auto"} | LEAST[path]).to_upstream(frozenset(speaks), "m") is None
