"""Ollama's clients before an OpenAI upstream: translation of requests and of answers."""

import json
from collections.abc import Iterable, Sequence
from typing import Any

import pytest

from edge_router.controller.api import PATHS, Operation, UpstreamRequest

SPEAKS = frozenset({Operation.CHAT, Operation.COMPLETIONS, Operation.EMBEDDINGS})
CHAT, GENERATE, EMBED, EMBEDDINGS = "/api/chat", "/api/generate", "/api/embed", "/api/embeddings"
HELLO = {"messages": [{"role": "user", "content": "hello"}]}


def dump(content: Any) -> bytes:
    return json.dumps(content).encode()


def to_upstream(path: str, fields: dict[str, Any]) -> UpstreamRequest | None:
    return PATHS[path].parse(dump({"model": "auto"} | fields)).to_upstream(SPEAKS, "large-model")


def upstream_body(path: str, fields: dict[str, Any]) -> Any:
    """The body for the upstream."""
    out = to_upstream(path, fields)
    assert out is not None
    return json.loads(out.body)


def client_answer(path: str, fields: dict[str, Any], pieces: Iterable[bytes]) -> tuple[str, list[Any]]:
    """(content type, what the client reads)."""
    out = to_upstream(path, fields)
    assert out is not None
    assert out.translation is not None
    translation = out.translation()
    said = b"".join(map(translation.feed, pieces)) + translation.end()
    return translation.content_type, [json.loads(line) for line in said.splitlines()]


def event(**choice: Any) -> bytes:
    return b"data: " + dump({"id": "1", "choices": [{"index": 0, "finish_reason": None} | choice]}) + b"\n\n"


def call(name: str | None, arguments: str, **more: Any) -> bytes:
    return event(delta={"tool_calls": [{"function": {"name": name, "arguments": arguments}} | more]})


WORDS = (
    event(delta={"role": "assistant", "content": ""})
    + event(delta={"content": "gütén"})
    + event(delta={"content": " Tag"})
)
STOP = event(delta={}, finish_reason="stop")
USAGE = b'data: {"choices": [], "usage": {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}}\n\n'
DONE = b"data: [DONE]\n\n"
STREAM = b": hello\r\n\r\n" + WORDS + STOP + USAGE + DONE


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({}, {"stream": True, "stream_options": {"include_usage": True}}),
        ({"stream": False}, {"stream": False}),
        ({"options": {"temperature": 0.5, "top_p": 0.9, "seed": 1, "stop": ["a"], "num_ctx": 512, "top_k": 4}},
         {"temperature": 0.5, "top_p": 0.9, "seed": 1, "stop": ["a"]}),
        ({"options": {"num_predict": 9, "presence_penalty": 1, "frequency_penalty": 2}},
         {"max_tokens": 9, "presence_penalty": 1, "frequency_penalty": 2}),
        ({"options": {"num_predict": -1}}, {}),
        ({"format": "json"}, {"response_format": {"type": "json_object"}}),
        ({"format": {"type": "object"}},
         {"response_format": {"type": "json_schema", "json_schema": {"name": "answer", "schema": {"type": "object"}}}}),
        ({"format": ""}, {}),
        ({"think": "low"}, {"reasoning_effort": "low"}),
        ({"think": True, "keep_alive": "5m"}, {}),
        ({"tools": [{"type": "function", "function": {"name": "f"}}]},
         {"tools": [{"type": "function", "function": {"name": "f"}}]}),
    ],
)  # fmt: skip
def test_the_fields_of_a_chat_are_translated(fields: dict[str, Any], said: dict[str, Any]) -> None:
    streams = {"stream": True, "stream_options": {"include_usage": True}}
    always = {"model": "large-model"} | HELLO | (streams if "stream" not in fields else {})
    assert upstream_body(CHAT, HELLO | fields) == always | said


@pytest.mark.parametrize(
    ("image", "kind"),
    [("iVBORw0KGgo=", "png"), ("/9j/4AAQ", "jpeg"), ("R0lGODlh", "gif"), ("UklGRhIA", "webp")],
)
def test_images_become_data_uris(image: str, kind: str) -> None:
    body = upstream_body(CHAT, {"messages": [{"role": "user", "content": "what is this?", "images": [image]}]})
    assert body["messages"][0]["content"] == [
        {"type": "text", "text": "what is this?"},
        {"type": "image_url", "image_url": {"url": f"data:image/{kind};base64,{image}"}},
    ]


def test_tool_calls_get_ids_and_each_result_refers_to_its_call() -> None:
    calls = [{"function": {"name": name, "arguments": {"at": name}}} for name in ("weather", "time")]
    turns = [
        {"role": "user", "content": "hello"},
        {"role": "assistant", "content": "", "tool_calls": calls},
        {"role": "tool", "tool_name": "time", "content": "noon"},
        {"role": "tool", "content": "rain"},
    ]
    _, assistant, time, weather = upstream_body(CHAT, {"messages": turns})["messages"]
    ids = {each["function"]["name"]: each["id"] for each in assistant["tool_calls"]}
    assert assistant["tool_calls"][0]["function"]["arguments"] == '{"at":"weather"}'
    assert (time["tool_call_id"], weather["tool_call_id"]) == (ids["time"], ids["weather"])
    assert len(set(ids.values())) == 2


def test_results_without_a_name_answer_the_calls_in_their_order() -> None:
    calls = [{"function": {"name": "weather", "arguments": {"at": at}}} for at in ("home", "work")]
    results = [{"role": "tool", "content": content} for content in ("rain", "sun")]
    assistant, *told = upstream_body(CHAT, {"messages": [{"role": "assistant", "tool_calls": calls}, *results]})[
        "messages"
    ]
    assert [result["tool_call_id"] for result in told] == [each["id"] for each in assistant["tool_calls"]]


def test_generate_is_translated_into_a_chat() -> None:
    body = upstream_body(
        GENERATE, {"prompt": "hello", "system": "be brief", "stream": False, "images": ["iVBORw0KGgo="]}
    )
    system, user = body["messages"]
    assert system == {"role": "system", "content": "be brief"}
    assert [part["type"] for part in user["content"]] == ["text", "image_url"]


@pytest.mark.parametrize(
    "field", [{"raw": True}, {"template": "{{ .Prompt }}"}, {"context": [1, 2]}, {"suffix": "end"}]
)
def test_a_prompt_that_no_chat_can_express_is_not_translated(field: dict[str, Any]) -> None:
    assert to_upstream(GENERATE, {"prompt": "hello"} | field) is None


def test_a_stream_becomes_lines_wherever_it_is_cut() -> None:
    for at in range(len(STREAM)):
        kind, lines = client_answer(CHAT, HELLO, [STREAM[:at], STREAM[at:]])
        assert kind == "application/x-ndjson"
        assert [line["message"]["content"] for line in lines] == ["gütén", " Tag", ""]
        assert [line["done"] for line in lines] == [False, False, True]
        assert {line["model"] for line in lines} == {"large-model"}
        last = lines[-1]
        assert (last["done_reason"], last["prompt_eval_count"], last["eval_count"]) == ("stop", 3, 2)
        assert last["total_duration"] >= last["eval_duration"] >= 0


def test_tokens_are_counted_wherever_usage_comes_in_the_stream() -> None:
    _, lines = client_answer(CHAT, HELLO, [WORDS, USAGE, STOP, DONE])
    assert (lines[-1]["prompt_eval_count"], lines[-1]["eval_count"]) == (3, 2)


def test_generates_lines_hold_their_text_as_response() -> None:
    _, lines = client_answer(GENERATE, {"prompt": "hello"}, [STREAM])
    assert [line["response"] for line in lines] == ["gütén", " Tag", ""]


def test_a_line_is_sent_as_soon_as_its_event_is_complete() -> None:
    out = to_upstream(CHAT, HELLO)
    assert out is not None
    assert out.translation is not None
    translation = out.translation()
    assert json.loads(translation.feed(WORDS[:-1]))["message"]["content"] == "gütén"
    assert json.loads(translation.feed(b"\n"))["message"]["content"] == " Tag"


def test_tool_calls_in_pieces_become_whole_calls() -> None:
    pieces = [
        call("weather", "", index=0, id="a"),
        call(None, '{"at": "h', index=0),
        call("time", "{}", index=1, id="b"),
        call(None, 'ome"}', index=0),
        event(delta={}, finish_reason="tool_calls"),
        DONE,
    ]
    _, lines = client_answer(CHAT, HELLO, pieces)
    assert lines[0]["message"]["tool_calls"] == [
        {"id": "a", "function": {"name": "weather", "arguments": {"at": "home"}}},
        {"id": "b", "function": {"name": "time", "arguments": {}}},
    ]
    assert (lines[-1]["done"], lines[-1]["done_reason"]) == (True, "stop")


@pytest.mark.parametrize("field", ["reasoning_content", "reasoning"])
@pytest.mark.parametrize(("think", "thinking"), [(True, ["hm"]), (None, ["hm"]), (False, [])])
def test_reasoning_becomes_thinking_unless_it_is_not_wanted(field: str, think: Any, thinking: Sequence[str]) -> None:
    pieces = [event(delta={field: "hm"}), WORDS, STOP, DONE]
    _, lines = client_answer(CHAT, HELLO | {"think": think}, pieces)
    assert [line["message"]["thinking"] for line in lines if "thinking" in line["message"]] == thinking


@pytest.mark.parametrize(("finish", "reason"), [("stop", "stop"), ("length", "length"), ("content_filter", "stop")])
def test_the_finish_reason_becomes_a_done_reason(finish: str, reason: str) -> None:
    _, lines = client_answer(CHAT, HELLO, [WORDS, event(delta={}, finish_reason=finish), DONE])
    assert lines[-1]["done_reason"] == reason


@pytest.mark.parametrize("end", [b"", b"data: [DONE]", b"data: [DONE]\n\n", b"data: [DONE]\n\ndata: [DONE]\n\n"])
def test_a_finished_answer_is_done_once_however_its_stream_ends(end: bytes) -> None:
    _, lines = client_answer(CHAT, HELLO, [WORDS, STOP, end])
    assert [line["done"] for line in lines] == [False, False, True]


@pytest.mark.parametrize(
    "pieces",
    [
        pytest.param([], id="nothing"),
        pytest.param([WORDS], id="cut"),
        pytest.param([WORDS, DONE], id="no reason"),
        pytest.param([WORDS, b'data: {"error": {"message": "boom"}}\n\n', DONE], id="error"),
        pytest.param([WORDS, STOP, b'data: {"error": "boom"}\n\n', DONE], id="error at the end"),
        pytest.param([b"data: {\n\n"], id="no JSON"),
        pytest.param([b"<html>busy</html>"], id="HTML"),
        pytest.param([b'data: {"choices": 7}\n\n'], id="other JSON"),
        pytest.param([call("f", "{", index=0), event(delta={}, finish_reason="length"), DONE], id="half a call"),
    ],
)
def test_a_stream_that_is_not_an_answer_raises_and_quotes_nothing(pieces: list[bytes]) -> None:
    with pytest.raises(ValueError, match=r"^the (answer|upstream)[a-z ]*$"):
        client_answer(CHAT, HELLO, pieces)


@pytest.mark.parametrize("path", [CHAT, GENERATE])
def test_an_unstreamed_answer_is_one_object(path: str) -> None:
    calls = [{"id": "a", "type": "function", "function": {"name": "f", "arguments": '{"at": 1}'}}]
    message = {"role": "assistant", "content": "good day", "reasoning": "hm", "tool_calls": calls}
    body = dump(
        {"choices": [{"index": 0, "message": message, "finish_reason": "length"}], "usage": {"prompt_tokens": 3}}
    )
    kind, [answer] = client_answer(path, HELLO | {"prompt": "hello", "stream": False}, [body[:9], body[9:]])
    assert kind == "application/json"
    assert (answer["done"], answer["done_reason"], answer["prompt_eval_count"]) == (True, "length", 3)
    if path == GENERATE:
        assert (answer["response"], answer["thinking"]) == ("good day", "hm")
    else:
        assert answer["message"] == {
            "role": "assistant",
            "content": "good day",
            "thinking": "hm",
            "tool_calls": [{"id": "a", "function": {"name": "f", "arguments": {"at": 1}}}],
        }


def test_an_unstreamed_answer_hides_thinking_if_it_is_not_wanted() -> None:
    body = b'{"choices": [{"message": {"content": "good day", "reasoning": "hm"}, "finish_reason": "stop"}]}'
    _, [answer] = client_answer(CHAT, HELLO | {"stream": False, "think": False}, [body])
    assert answer["message"] == {"role": "assistant", "content": "good day"}


@pytest.mark.parametrize("body", [b"", b"{}", b"[]", b'{"choices": []}', b'{"error": {"message": "boom"}}', b"<html>"])
@pytest.mark.parametrize(
    ("path", "fields"),
    [(CHAT, HELLO | {"stream": False}), (EMBED, {"input": "hello"}), (EMBEDDINGS, {"prompt": "hello"})],
)
def test_an_unstreamed_answer_of_another_form_raises_and_quotes_nothing(
    path: str, fields: dict[str, Any], body: bytes
) -> None:
    with pytest.raises(ValueError, match=r"^the answer[a-z ]*$"):
        client_answer(path, fields, [body])


VECTORS = b'{"data": [{"index": 1, "embedding": [0.30, 4e-1]}, {"index": 0, "embedding": [0.1, 0.2]}]}'


def test_embed_returns_the_vectors_in_the_order_of_the_texts() -> None:
    fields = {"input": ["one", "two"], "dimensions": 2, "truncate": True}
    assert upstream_body(EMBED, fields) == {
        "model": "large-model", "input": ["one", "two"], "dimensions": 2, "encoding_format": "float"
    }  # fmt: skip
    _, [answer] = client_answer(EMBED, fields, [VECTORS])
    assert answer["embeddings"] == [[0.1, 0.2], [0.3, 0.4]]


def test_the_older_embeddings_return_one_vector() -> None:
    assert upstream_body(EMBEDDINGS, {"prompt": "one"})["input"] == "one"
    _, [answer] = client_answer(EMBEDDINGS, {"prompt": "one"}, [b'{"data": [{"index": 0, "embedding": [0.1]}]}'])
    assert answer == {"embedding": [0.1]}
