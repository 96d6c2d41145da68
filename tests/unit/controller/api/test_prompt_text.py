"""The classified text is the user's own, whichever API it came by and whatever a client program added."""

import contextlib
import json
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_router.controller.api import PATHS, LlmRequest, Message, classified_text
from edge_router.controller.api.prompt_text import own_words
from edge_router.errors import RequestError

CHAT, RESPONSES, MESSAGES, OLLAMA = "/v1/chat/completions", "/v1/responses", "/v1/messages", "/api/chat"
PNG = {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo="}}
CALL = {"id": "1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
BLOCK = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "iVBORw0KGgo="}}


def parsed(path: str, fields: dict[str, Any]) -> LlmRequest:
    return PATHS[path].parse(json.dumps({"model": "auto"} | fields).encode())


def classified(messages: Sequence[Message], **limits: int) -> str:
    return classified_text(messages, **({"earlier_turns": 0, "head_chars": 2000, "tail_chars": 2000} | limits))


def said(*messages: Any) -> dict[str, Any]:
    """A string or a list of parts becomes a message of the user."""
    return {"messages": [each if isinstance(each, dict) else {"role": "user", "content": each} for each in messages]}


def part(words: str, kind: str = "text") -> dict[str, str]:
    return {"type": kind, "text": words}


SYSTEM = {"role": "system", "content": "be brief"}
ANSWER = {"role": "assistant", "content": "sure"}
CALLS = {"role": "assistant", "content": None, "tool_calls": [CALL]}
RESULT = {"role": "tool", "tool_call_id": "1", "content": "42"}
TOOL_USE = {"role": "assistant", "content": [{"type": "tool_use", "id": "1", "name": "f", "input": {}}]}
TOOL_RESULT = {"type": "tool_result", "tool_use_id": "1", "content": "42"}
OUTPUT = {"type": "function_call_output", "call_id": "1", "output": "42"}


@pytest.mark.parametrize(
    ("path", "fields", "text"),
    [
        pytest.param(CHAT, said("sort a list"), "sort a list", id="a string"),
        pytest.param(CHAT, said([part("what is"), PNG, part("this?")]), "what is\nthis?", id="parts"),
        pytest.param(CHAT, said(SYSTEM, "sort a list"), "sort a list", id="after system"),
        pytest.param(CHAT, said("sort a list", ANSWER), "sort a list", id="answer begun"),
        pytest.param(CHAT, said("sort a list", CALLS, RESULT), "sort a list", id="a tool's result"),
        pytest.param(CHAT, said("sort a list", [PNG]), "sort a list", id="an image alone"),
        pytest.param(CHAT, said(SYSTEM), "be brief", id="system alone"),
        pytest.param(CHAT, said("first", "sort a list"), "sort a list", id="the last of two"),
        pytest.param(CHAT, said({"role": "user"}), "", id="nothing said"),
        pytest.param(CHAT, said([part("sort"), "a", 7, None, {"text": "list"}]), "sort", id="parts of other kinds"),
        pytest.param(RESPONSES, {"input": "sort a list", "instructions": "be brief"}, "sort a list", id="responses"),
        pytest.param(
            RESPONSES,
            {"input": [{"role": "user", "content": [part("sort a list", "input_text")]}, OUTPUT]},
            "sort a list",
            id="responses, items",
        ),
        pytest.param(RESPONSES, {"previous_response_id": "1"}, "", id="responses, no input"),
        pytest.param(RESPONSES, {"prompt": {"id": "1"}, "input": None}, "", id="responses, a prompt kept elsewhere"),
        pytest.param(
            MESSAGES, {"system": "be brief"} | said([part("sort a list"), BLOCK]), "sort a list", id="messages"
        ),
        pytest.param(MESSAGES, said("sort a list", TOOL_USE, [TOOL_RESULT]), "sort a list", id="messages, a result"),
        pytest.param("/v1/completions", {"prompt": "sort a list"}, "sort a list", id="completions"),
        pytest.param("/completions", {"prompt": ["sort", "a list"]}, "sort\na list", id="completions, several"),
        pytest.param("/v1/completions", {"prompt": [1, 2, 3]}, "", id="completions, tokens"),
        pytest.param("/v1/embeddings", {"input": "sort a list"}, "", id="embeddings"),
        pytest.param(OLLAMA, said("sort a list"), "sort a list", id="Ollama's chat"),
        pytest.param("/api/generate", {"prompt": "sort a list", "system": "be brief"}, "sort a list", id="generate"),
        pytest.param("/api/embed", {"input": ["sort a list"]}, "", id="Ollama's embed"),
    ],
)
def test_the_users_last_message_is_classified(path: str, fields: dict[str, Any], text: str) -> None:
    assert classified(parsed(path, fields).messages) == text


RAG = (
    "### Task:\nRespond to the user query using the provided context, incorporating inline citations.\n\n"
    '### Guidelines:\n- Answer.\n\n<context>\n<source id="1">A list.</source>\n</context>\n'
)


@pytest.mark.parametrize(
    ("written", "own"),
    [
        ("<system-reminder>Today is Monday.</system-reminder>\nsort a list", "sort a list"),
        ("sort a list\n<environment_details>\n# Open files\na.py\n</environment_details>", "sort a list"),
        ("<context>A list.</context> sort it <system-reminder>x</system-reminder> now", "sort it  now"),
        ("<context>A <system-reminder>list</system-reminder>.</context>sort it", "sort it"),
        ("<context name=\"a\">A list.</context>sort it", "sort it"),
        (f"{RAG}\n<user_query>\nsort a list\n</user_query>\n", "sort a list"),
        (f"{RAG}\nsort a list", "sort a list"),
        ("<editorContext>a.py</editorContext><userRequest>sort a list</userRequest>", "sort a list"),
        ("what does <context> mean in React?", "what does <context> mean in React?"),
        ("</context> sort <b>a</b> list", "</context> sort <b>a</b> list"),
        ("  sort a list\n", "  sort a list\n"),
        ("<system-reminder>Today is Monday.</system-reminder>", ""),
    ],
)  # fmt: skip
def test_what_client_programs_add_is_removed(written: str, own: str) -> None:
    assert own_words(written) == own


def test_a_message_of_nothing_but_additions_is_skipped() -> None:
    messages = [Message("user", "sort a list"), Message("user", "<system-reminder>Today is Monday.</system-reminder>")]
    assert classified(messages) == "sort a list"


def test_the_whole_text_is_used_if_nothing_else_is_left() -> None:
    messages = [Message("user", "<context>a list</context>")]
    assert classified(messages) == "<context>a list</context>"


def test_both_ends_of_a_long_prompt_are_kept() -> None:
    assert classified([Message("user", "abcdefghij")], head_chars=2, tail_chars=3) == "ab\nhij"


@pytest.mark.parametrize(
    ("earlier", "text"),
    [(0, "three"), (1, "two\n\nthree"), (2, "one\n\ntwo\n\nthree"), (9, "one\n\ntwo\n\nthree")],
)
def test_earlier_turns_are_classified_with_the_last(earlier: int, text: str) -> None:
    fields = said("one", ANSWER, "two", ANSWER, "three", ANSWER)
    assert classified(parsed(CHAT, fields).messages, earlier_turns=earlier) == text


@settings(deadline=None)
@given(st.lists(st.sampled_from(["<context>", "</context>", "<system-reminder>", "</system-reminder>", "<user_query>",
    "</user_query>", "word ", "<", ">"]), max_size=30).map("".join))  # fmt: skip
def test_only_tagged_text_is_removed(written: str) -> None:
    assert own_words(written) == written or "</" in written or not written.strip()


@pytest.mark.parametrize("opening", ["<context>", "<user_query>", "<context " + "a" * 200, "</context>"])
def test_a_long_text_of_opening_tags_is_read_in_one_pass(opening: str) -> None:
    """Quadratic work would take hours."""
    own_words(opening * (8 * 2**20 // len(opening)))


@pytest.mark.parametrize(
    ("written", "background_task"),
    [
        ("### Task:\nGenerate a concise, 3-5 word title with an emoji summarizing the chat history.", True),
        ("### Task:\nGenerate 1-3 broad tags categorizing the main themes of the chat history", True),
        ("### Task:\nSuggest 3-5 relevant follow-up questions or prompts that the user might naturally ask next", True),
        ("### Task:\nAnalyze the chat history to determine the necessity of generating search queries", True),
        ("### Task:\nYou are an autocompletion system. Continue the text in `<text>`", True),
        ("\n### Task:\nYou are an autocompletion system.", True),
        ("Provide a concise, 5-word-or-less title for the conversation, using title case conventions.", True),
        (f"{RAG}<user_query>sort a list</user_query>", False),
        ("Please generate a concise title for my essay on herons", False),
        ("sort a list", False),
        ("### Task:\nWrite a haiku", False),
    ],
)  # fmt: skip
def test_a_chat_uis_background_task_is_recognised(written: str, background_task: bool) -> None:
    assert parsed(CHAT, said(written)).features.background_task is background_task


@pytest.mark.parametrize(
    ("path", "fields", "seen"),
    [
        (CHAT, said("hi"), {}),
        (CHAT, said([PNG]), {"images": True}),
        (CHAT, said("hi") | {"tools": [CALL]}, {"tools": True}),
        (CHAT, said("hi") | {"tools": []}, {}),
        (CHAT, said("hi") | {"functions": [{"name": "f"}]}, {"tools": True}),
        (CHAT, said("hi") | {"response_format": {"type": "json_object"}}, {"response_format": True}),
        (CHAT, said("hi") | {"response_format": {"type": "text"}}, {}),
        (CHAT, said("hi") | {"max_tokens": 7}, {"answer_tokens": 7}),
        (CHAT, said("hi") | {"max_tokens": 7, "max_completion_tokens": 8}, {"answer_tokens": 8}),
        (CHAT, said("hi") | {"max_tokens": "7"}, {}),
        (CHAT, said("hi") | {"max_tokens": -7}, {}),
        (RESPONSES, {"input": "hi", "text": {"format": {"type": "json_schema"}}}, {"response_format": True}),
        (RESPONSES, {"input": "hi", "max_output_tokens": 7}, {"answer_tokens": 7}),
        (RESPONSES, {"input": [{"role": "user", "content": [{"type": "input_image"}]}]}, {"images": True}),
        (MESSAGES, said([BLOCK]) | {"max_tokens": 7}, {"images": True, "answer_tokens": 7}),
        (MESSAGES, said("hi") | {"output_config": {"format": {"type": "json_schema"}}}, {"response_format": True}),
        (MESSAGES, said("hi") | {"output_config": {"effort": "low"}}, {}),
        (MESSAGES, said([TOOL_RESULT | {"content": [BLOCK]}]), {"images": True}),
        (OLLAMA, said({"role": "user", "content": "hi", "images": ["iVBORw0KGgo="]}), {"images": True}),
        (OLLAMA, said("hi") | {"format": "json"}, {"response_format": True}),
        (OLLAMA, said("hi") | {"options": {"num_predict": 7}}, {"answer_tokens": 7}),
        (OLLAMA, said("hi") | {"options": {"num_predict": -1}}, {}),
        ("/api/generate", {"prompt": "hi", "images": ["iVBORw0KGgo="]}, {"images": True}),
    ],
)
def test_features_are_read_in_every_api(path: str, fields: dict[str, Any], seen: dict[str, Any]) -> None:
    features = parsed(path, fields).features
    found = {name: getattr(features, name) for name in ("tools", "images", "response_format", "answer_tokens")}
    assert {name: value for name, value in found.items() if value} == seen


def test_deeply_nested_parts_are_read_or_refused() -> None:
    for depth in range(100, 1000, 3):
        deep = b'[{"type":"tool_result","content":' * depth + b"null" + b"}]" * depth
        body = b'{"model":"auto","messages":[{"role":"user","content":' + deep + b"}]}"
        with contextlib.suppress(RequestError):
            assert not PATHS[CHAT].parse(body).features.images


def test_tokens_are_estimated_from_everything_sent() -> None:
    fields = said({"role": "system", "content": "x" * 4000}, "hi")
    assert 1000 <= parsed(CHAT, fields).features.tokens < 1050


def test_an_images_bytes_are_no_tokens() -> None:
    picture = {"type": "image_url", "image_url": {"url": "data:image/png;base64," + "A" * 1_000_000}}
    assert parsed(CHAT, said([picture])).features.tokens < 2000
