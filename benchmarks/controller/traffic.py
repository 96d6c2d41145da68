"""The requests and responses of the benchmark: a chat request of 1 kB, its response, and a stream of 200 events."""

import msgspec

MODEL = "benchmark"
EVENTS = 200
"""Number of events in a stream, without [DONE]."""
EVENT_STREAM = b"text/event-stream"


def request(port: int, *, stream: bool) -> bytes:
    """A complete HTTP request as an SDK sends it."""
    text = "The heron stood still in the shallow water while the river went by. " * 12
    chat = {"model": MODEL, "messages": [{"role": "user", "content": text}], "temperature": 0.2, "stream": stream}
    body = msgspec.json.encode(chat)
    head = (
        f"POST /v1/chat/completions HTTP/1.1\r\nhost: 127.0.0.1:{port}\r\naccept: application/json\r\n"
        f"user-agent: benchmark\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def answer() -> bytes:
    """A complete HTTP response of 1 kB."""
    message = {"role": "assistant", "content": "It waits for a fish, and it has more patience than the fish. " * 12}
    usage = {"prompt_tokens": 180, "completion_tokens": 160, "total_tokens": 340}
    choices = [{"index": 0, "message": message, "finish_reason": "stop"}]
    body = msgspec.json.encode(_chat("chat.completion") | {"choices": choices, "usage": usage})
    return _head(b"application/json", b"content-length: %d" % len(body)) + body


def events() -> list[bytes]:
    """A chunked HTTP response in parts: its head, 200 events, the end."""
    deltas = [{"content": f" word{at}"} for at in range(EVENTS - 1)]
    choices: list[dict[str, object]] = [{"index": 0, "delta": delta, "finish_reason": None} for delta in deltas]
    choices.append({"index": 0, "delta": {}, "finish_reason": "stop"})
    chunks = [msgspec.json.encode(_chat("chat.completion.chunk") | {"choices": [choice]}) for choice in choices]
    last = _chunk(b"data: [DONE]\n\n") + _chunk(b"")
    head = _head(EVENT_STREAM, b"transfer-encoding: chunked")
    return [head, *(_chunk(b"data: %b\n\n" % chunk) for chunk in chunks), last]


def _chat(kind: str) -> dict[str, object]:
    return {"id": "chatcmpl-benchmark", "object": kind, "created": 1_700_000_000, "model": MODEL}


def _head(content_type: bytes, framing: bytes) -> bytes:
    return b"HTTP/1.1 200 OK\r\ncontent-type: %b\r\n%b\r\n\r\n" % (content_type, framing)


def _chunk(content: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(content), content)
