"""What the last bytes of an answer tell: what it cost, and whether it is complete."""

import pytest

from edge_router.controller.api import Operation
from edge_router.controller.record import RequestRecord
from edge_router.controller.upstream.stream_end import BYTES, HELD_BYTES, StreamEndDetector
from edge_router.controller.upstream.usage import count


@pytest.mark.parametrize(
    ("content", "tokens"),
    [
        (b'{"usage": {"prompt_tokens": 7, "completion_tokens": 9, "details": {"cached": 1}}}', (7, 9)),
        (b'{"usage":{"prompt_tokens":7,"total_tokens":7}}', (7, None)),
        (b'{"usage": null}', (None, None)),
        (b'{"usage": {"prompt_tokens": "many"}}', (None, None)),
        (b'{"usage": {"prompt_tokens": 1}} {"usage": {"prompt_tokens": 7, "completion_tokens": 9}}', (7, 9)),
        (b'{"usage": {"input_tokens": 7, "output_tokens": 0}} {"usage": {"output_tokens": 9}}', (7, 9)),
        (b'{"prompt_eval_count": 7, "eval_count": 9}', (7, 9)),
        (rb'{"content": "\"usage\": {\"prompt_tokens\": 1}, \"eval_count\": 3"}', (None, None)),
        (b'{"usage": {' * 1000, (None, None)),
    ],
)
def test_tokens(content: bytes, tokens: tuple[int | None, int | None]) -> None:
    record = RequestRecord("", Operation.CHAT)
    count(record, content)
    assert (record.prompt_tokens, record.completion_tokens) == tokens


@pytest.mark.parametrize(
    ("content", "closed", "finished"),
    [
        (b"data: [DONE]\n\n", True, True),
        (b"data:[DONE]", True, True),
        (b'data: {"type":"message_stop"}\n\n', True, True),
        (b'data: {"type": "response.incomplete"}\n\n', True, True),
        (b'{"done": true}\n', True, True),
        (b'x\n\ndata: {"error": {"message": "overloaded"}}\n\n', True, True),
        (b'{"choices": [{"finish_reason": "stop"}]}', False, True),
        (b'{"delta": {"stop_reason": "end_turn"}}', False, True),
        (b'{"choices": [{"finish_reason": null}]}', False, False),
        (b'{"done": false}', False, False),
        (rb'{"content": "\"finish_reason\": \"stop\", \"error\": {}"}', False, False),
        (b"", False, False),
    ],
)
def test_the_end(content: bytes, closed: bool, finished: bool) -> None:
    tail = StreamEndDetector()
    for at in range(len(content)):
        tail.add(content[at : at + 1])
    assert (tail.closed, tail.finished) == (closed, finished)


@pytest.mark.parametrize(
    "last",
    [
        b'event: response.completed\ndata: {"type":"response.completed","response":{"output":"%s"}}\n\n',
        b'{"response":"","done":true,"done_reason":"stop","context":[%s]}\n',
    ],
)
@pytest.mark.parametrize("size", [1, 1000, 2 * BYTES])
def test_a_last_word_may_begin_a_long_event(last: bytes, size: int) -> None:
    tail = StreamEndDetector()
    content = last % (b"1234,response.1" * BYTES)
    for at in range(0, 400, size):
        tail.add(content[at : at + size] if size < 400 else content)
    tail.add(content[400:])
    assert tail.closed


@pytest.mark.parametrize("before", [*range(HELD_BYTES - 20, HELD_BYTES + 20), BYTES, 3 * HELD_BYTES])
@pytest.mark.parametrize("after", [0, 3 * HELD_BYTES])
def test_what_was_once_said_stays_said(before: int, after: int) -> None:
    tail = StreamEndDetector()
    last = b"data: [DONE]\n\n"
    content = b"x" * before + b"\n" + last + b": bye\n" * (after // 6)
    for at in range(0, len(content), 1000):
        tail.add(content[at : at + 1000])
    assert tail.closed


def test_only_the_end_is_kept() -> None:
    tail = StreamEndDetector()
    for at in range(100_000):
        tail.add(b"%d\n" % at)
    assert len(tail.content) == BYTES
    assert tail.content.endswith(b"99998\n99999\n")
