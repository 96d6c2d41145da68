"""Token usage and the end of a stream, read from the last bytes of an answer."""

import pytest

from edge_router.controller.upstream.report import TokenUsage
from edge_router.controller.upstream.stream_detection import BATCH_BYTES, BYTES, StreamEndDetector


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
    usage = TokenUsage()
    usage.read(content)
    assert (usage.prompt, usage.completion) == tokens


@pytest.mark.parametrize(
    ("content", "ended", "complete"),
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
def test_the_end(content: bytes, ended: bool, complete: bool) -> None:
    end = StreamEndDetector()
    for at in range(len(content)):
        end.add(content[at : at + 1])
    assert (end.ended, end.complete) == (ended, complete)


@pytest.mark.parametrize(
    "last",
    [
        b'event: response.completed\ndata: {"type":"response.completed","response":{"output":"%s"}}\n\n',
        b'{"response":"","done":true,"done_reason":"stop","context":[%s]}\n',
    ],
)
@pytest.mark.parametrize("size", [1, 1000, 2 * BYTES])
def test_the_end_may_be_at_the_beginning_of_a_long_event(last: bytes, size: int) -> None:
    end = StreamEndDetector()
    content = last % (b"1234,response.1" * BYTES)
    for at in range(0, 400, size):
        end.add(content[at : at + size] if size < 400 else content)
    end.add(content[400:])
    assert end.ended


@pytest.mark.parametrize("before", [*range(BATCH_BYTES - 20, BATCH_BYTES + 20), BYTES, 3 * BATCH_BYTES])
@pytest.mark.parametrize("after", [0, 3 * BATCH_BYTES])
def test_an_end_stays_an_end(before: int, after: int) -> None:
    end = StreamEndDetector()
    last = b"data: [DONE]\n\n"
    content = b"x" * before + b"\n" + last + b": bye\n" * (after // 6)
    for at in range(0, len(content), 1000):
        end.add(content[at : at + 1000])
    assert end.ended


def test_only_the_last_bytes_are_kept() -> None:
    end = StreamEndDetector()
    for at in range(100_000):
        end.add(b"%d\n" % at)
    assert len(end.content) == BYTES
    assert end.content.endswith(b"99998\n99999\n")
