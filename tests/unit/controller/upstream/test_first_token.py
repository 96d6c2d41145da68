"""The first token of a stream: messages that hold a part of the answer, and messages that only announce one."""

import msgspec
import pytest

from edge_router.controller.api import EVENT_STREAM, JSON_LINES
from edge_router.controller.upstream.stream_detection import FirstTokenDetector, NotAnAnswerError

CHAT = "chat.completion.chunk"


def delta(finish: str | None = None, **delta: object) -> dict[str, object]:
    return {"object": CHAT, "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]}


@pytest.mark.parametrize(
    ("message", "holds_content"),
    [
        (delta(role="assistant"), False),
        (delta(role="assistant", content=""), False),
        (delta(role="assistant", content=None), False),
        (delta(content="a"), True),
        (delta(reasoning_content="a"), True),
        (delta(refusal="no"), True),
        (delta(tool_calls=[{"index": 0}]), True),
        (delta(finish="stop"), True),
        ({"object": CHAT, "choices": []}, False),
        ({"object": "text_completion", "choices": [{"text": "", "finish_reason": None}]}, False),
        ({"object": "text_completion", "choices": [{"text": "a", "finish_reason": None}]}, True),
        ({"type": "message_start", "message": {}}, False),
        ({"type": "ping"}, False),
        ({"type": "content_block_start"}, False),
        ({"type": "content_block_delta"}, True),
        ({"type": "response.created", "response": {"error": None}}, False),
        ({"type": "response.in_progress"}, False),
        ({"type": "response.output_item.added"}, False),
        ({"type": "response.output_text.delta"}, True),
        ({"message": {"role": "assistant", "content": ""}, "done": False}, False),
        ({"message": {"role": "assistant", "content": "a"}, "done": False}, True),
        ({"message": {"role": "assistant", "content": "", "thinking": "a"}, "done": False}, True),
        ({"response": "", "done": False}, False),
        ({"response": "a", "done": False}, True),
        ({"response": "", "done": True}, True),
        ({"something": "else"}, True),
        (1, True),
    ],
    ids=lambda value: msgspec.json.encode(value).decode(),
)
def test_a_message_holds_content_or_announces_it(message: object, holds_content: bool) -> None:
    content = msgspec.json.encode(message)
    assert FirstTokenDetector(EVENT_STREAM).feed(b"event: x\ndata: " + content + b"\n\n") == holds_content
    assert FirstTokenDetector(JSON_LINES).feed(content + b"\n") == holds_content


@pytest.mark.parametrize("content", [b": ping\n\n", b"event: ping\n\n", b"data: {", b""])
def test_an_incomplete_message_holds_no_content(content: bytes) -> None:
    assert not FirstTokenDetector(EVENT_STREAM).feed(content)


def test_a_stream_that_is_over_at_once_is_an_answer() -> None:
    assert FirstTokenDetector(EVENT_STREAM).feed(b"data: [DONE]\n\n")


@pytest.mark.parametrize(
    "message",
    [
        {"error": {"message": "overloaded"}},
        {"error": "overloaded"},
        {"type": "error", "error": {"type": "overloaded_error"}},
        {"type": "response.failed", "response": {}},
    ],
)
def test_an_error_is_not_an_answer(message: object) -> None:
    with pytest.raises(NotAnAnswerError, match="error"):
        FirstTokenDetector(EVENT_STREAM).feed(b"data: " + msgspec.json.encode(message) + b"\n\n")
    with pytest.raises(NotAnAnswerError, match="error"):
        FirstTokenDetector(JSON_LINES).feed(msgspec.json.encode(message) + b"\n")
