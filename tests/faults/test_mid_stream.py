"""Faults after the first token of a stream: the client gets everything that came, then one error if the upstream did
not finish, and never an end of the stream that the upstream did not send."""

import asyncio
import gzip
import zlib
from typing import NamedTuple

import msgspec
import pytest

from edge_router.controller.upstream import stream_answer
from tests.faults.conftest import DEADLINE, Start
from tests.faults.test_before_the_first_byte import ask, is_good
from tests.faults.upstream import DONE, PINGS, STREAM, FaultyUpstream, Script, Then, chunk, chunked

HELLO = (chunk(), chunk("good "))
FINISHED = (chunk("day"), chunk(finish="stop"))
UMLAUT = chunk("grün")
CUT = UMLAUT[: UMLAUT.index("ü".encode()) + 1]
LINES = tuple(
    msgspec.json.encode({"message": {"content": text}, "done": done}) + b"\n"
    for text, done in (("a", False), ("", True))
)
COMMENT = b": " + b"x" * 1000 + b"\n\n"
CHAT_USAGE = {"prompt_tokens": 7, "completion_tokens": 9}
TOOL = [
    chunk(finish=None, choices=[{"index": 0, "delta": {"tool_calls": [{"index": 0, "function": {"arguments": part}}]}}])
    for part in ('{"ci', 'ty": "Bo', 'nn"}')
]


def event(**content: object) -> bytes:
    return b"data: " + msgspec.json.encode(content) + b"\n\n"


def events(*pieces: bytes, kind: str = "text/event-stream") -> Script:
    return chunked(*pieces, kind=kind)


def until_closed(*pieces: bytes) -> Script:
    """Without a length: the end of the connection is the end of the answer."""
    return [b"HTTP/1.0 200 OK\r\ncontent-type: text/event-stream\r\n\r\n", *pieces]


def with_header(header: str, *pieces: bytes) -> Script:
    head, *rest = chunked(*pieces)
    return [head[:-2] + header.encode() + b"\r\n\r\n", *rest]


def flushed(*pieces: bytes) -> bytes:
    """The beginning of a gzip stream."""
    compressor = zlib.compressobj(wbits=31)
    return compressor.compress(b"".join(pieces)) + compressor.flush(zlib.Z_SYNC_FLUSH)


class Whole(NamedTuple):
    """A stream that the client gets as it is."""

    name: str
    script: Script
    sent: bytes


class Broken(NamedTuple):
    name: str
    script: Script
    sent: bytes
    """Before the error."""
    status: int = 502


def joined(text: bytes, *pieces: bytes) -> bytes:
    return b"".join(pieces).replace(b"\n", text)


BIG = chunk("x" * 10_000_000)
WHOLE = [
    Whole("without a fault", events(*STREAM), b"".join(STREAM)),
    Whole("no [DONE]", events(*HELLO, *FINISHED), b"".join([*HELLO, *FINISHED])),
    Whole("two [DONE]", events(*STREAM, DONE), b"".join([*STREAM, DONE])),
    Whole("silence after [DONE]", [*chunked(*STREAM, end=False), Then.SILENCE], b"".join(STREAM)),
    Whole("cut off after [DONE]", chunked(*STREAM, end=False), b"".join(STREAM)),
    Whole("no finish_reason", events(*HELLO, DONE), b"".join([*HELLO, DONE])),
    Whole("no usage, no content", events(chunk(), chunk(finish="stop"), DONE), b"".join([chunk(), STREAM[3], DONE])),
    Whole("empty choices", events(chunk(choices=[]), *STREAM), b"".join([chunk(choices=[]), *STREAM])),
    Whole("comments and pings", events(b": ping\n\n", b"event: ping\ndata: {}\n\n", *STREAM, b": bye\n\n"),
          b": ping\n\nevent: ping\ndata: {}\n\n" + b"".join(STREAM) + b": bye\n\n"),
    Whole("an error in the middle", events(*HELLO, b'data: {"error": {"message": "overloaded"}}\n\n'),
          b"".join([*HELLO, b'data: {"error": {"message": "overloaded"}}\n\n'])),
    Whole("an event of 10 MB", events(*HELLO, BIG, DONE), b"".join([*HELLO, BIG, DONE])),
    Whole("a first event of 10 MB", events(BIG, DONE), BIG + DONE),
    Whole("CRLF", events(joined(b"\r\n", *STREAM)), joined(b"\r\n", *STREAM)),
    Whole("CR", events(joined(b"\r", *STREAM)), joined(b"\r", *STREAM)),
    Whole("no space after data:", events(b"".join(STREAM).replace(b"data: ", b"data:")),
          b"".join(STREAM).replace(b"data: ", b"data:")),
    Whole("a byte a packet", events(*(bytes([byte]) for byte in b"".join(STREAM))), b"".join(STREAM)),
    Whole("JSON lines", events(*LINES, kind="application/x-ndjson"), b"".join(LINES)),
    Whole("a tool call in parts", events(chunk(), *TOOL, chunk(finish="tool_calls"), DONE),
          b"".join([chunk(), *TOOL, chunk(finish="tool_calls"), DONE])),
    Whole("gzip", with_header("content-encoding: gzip", gzip.compress(b"".join(STREAM))), b"".join(STREAM)),
    Whole("a length", [b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncontent-length: %d\r\n\r\n"
                       % len(b"".join(STREAM)), *STREAM], b"".join(STREAM)),
    Whole("until the connection is closed", until_closed(*STREAM), b"".join(STREAM)),
]  # fmt: skip
BROKEN = [
    Broken("dies after an event", chunked(HELLO[1], end=False), HELLO[1]),
    Broken("dies after some", chunked(*HELLO, UMLAUT, end=False), b"".join([*HELLO, UMLAUT])),
    Broken("dies in an event", chunked(*HELLO, UMLAUT[:20], end=False), b"".join([*HELLO, UMLAUT[:20], b"\n\n"])),
    Broken("dies in a character", chunked(*HELLO, CUT, end=False), b"".join([*HELLO, CUT, b"\n\n"])),
    Broken("is reset", [*chunked(*HELLO, end=False), 0.05, Then.RESET], b"".join(HELLO)),
    Broken("ends without an end", events(*HELLO), b"".join(HELLO)),
    Broken("is closed without an end", until_closed(*HELLO), b"".join(HELLO)),
    Broken("dies before [DONE]", chunked(*HELLO, *FINISHED, end=False), b"".join([*HELLO, *FINISHED])),
    Broken("a bad chunk", [*chunked(*HELLO, end=False), b"zz\r\n"], b"".join(HELLO)),
    Broken("bad gzip", with_header("content-encoding: gzip", flushed(*HELLO), b"\xff" * 9), b"".join(HELLO)),
    Broken("falls silent", [*chunked(*HELLO, end=False), Then.SILENCE], b"".join(HELLO), 504),
    Broken("shorter than its length", [b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncontent-length: 9999"
                                       b"\r\n\r\n", *HELLO], b"".join(HELLO)),
]  # fmt: skip


@pytest.mark.parametrize("case", WHOLE, ids=[case.name for case in WHOLE])
async def test_a_stream_reaches_the_client_byte_for_byte(start: Start, upstream: FaultyUpstream, case: Whole) -> None:
    address, client = await start({"first": upstream})
    upstream.scripts.append(case.script)
    answer, content = await ask(client, True)
    assert (answer.status, content) == (200, case.sent)
    assert (await address.report()).outcome == "answered"
    assert is_good((await ask(client, True))[1], True)


@pytest.mark.parametrize("case", BROKEN, ids=[case.name for case in BROKEN])
async def test_a_stream_that_breaks_off_ends_with_one_error(
    start: Start, upstream: FaultyUpstream, other: FaultyUpstream, case: Broken
) -> None:
    address, client = await start({"first": upstream, "second": other})
    upstream.scripts.append(case.script)
    answer, content = await ask(client, True)
    assert answer.status == 200
    assert content.startswith(case.sent)
    error = content.removeprefix(case.sent)
    assert (error.count(b"data: "), error[-2:], DONE in error) == (1, b"\n\n", False)
    assert msgspec.json.decode(error.removeprefix(b"data: "))["error"]["message"].startswith("upstream 'first' ")
    assert len(other.requests) == 0
    report = await address.report()
    assert (report.outcome, report.status, report.attempts) == ("stream_interrupted", 200, 1)
    assert is_good((await ask(client, True))[1], True)


def endless(seconds: float) -> Script:
    """An answer without an end; `seconds`: pause after each word."""
    yield from chunked(*HELLO, end=False)
    _, framed = chunked(chunk("and on "), end=False)
    while True:
        yield framed
        yield seconds


@pytest.mark.parametrize("pause", [0.1, 0], ids=["word by word", "without a pause"])
async def test_an_answer_has_a_total_time_limit(start: Start, upstream: FaultyUpstream, pause: float) -> None:
    limited = {"url": f"http://127.0.0.1:{upstream.port}/v1", "total_seconds": 0.7}
    _, client = await start({"first": limited})
    upstream.scripts.append(endless(pause))
    _, content = await ask(client, True)
    last = msgspec.json.decode(content.removesuffix(b"\n\n").rpartition(b"data: ")[2])
    assert "had not finished its answer after 0.7 s" in last["error"]["message"]
    assert DONE not in content


COUNTED: list[tuple[str, list[bytes]]] = [
    ("chat, a chunk of its own", [*HELLO, *FINISHED, chunk(choices=[], usage=CHAT_USAGE), DONE]),
    ("chat, with the last chunk", [chunk("a", usage=None), chunk(finish="length", usage=CHAT_USAGE)]),
    (
        "Anthropic",
        [
            event(type="message_start", message={"usage": {"input_tokens": 7, "output_tokens": 1}}),
            *[event(type="content_block_delta", delta={"text": '"usage": {"output_tokens": 99}'})] * 500,
            event(type="message_delta", delta={"stop_reason": "end_turn"}, usage={"output_tokens": 9}),
            event(type="message_stop"),
        ],
    ),
    (
        "responses",
        [
            event(type="response.output_text.delta", delta="a"),
            event(
                type="response.completed",
                response={"usage": {"input_tokens": 7, "details": {"cached_tokens": 0}, "output_tokens": 9}},
            ),
        ],
    ),
    ("Ollama", [LINES[0], b'{"done": true, "prompt_eval_count": 7, "eval_count": 9}\n']),
]


@pytest.mark.parametrize(("api", "events"), COUNTED, ids=[case[0] for case in COUNTED])
@pytest.mark.parametrize("size", [1, 7, 10_000])
async def test_tokens_are_counted_however_the_stream_is_cut(
    start: Start, upstream: FaultyUpstream, api: str, events: list[bytes], size: int
) -> None:
    address, client = await start({"first": upstream}, first_byte_seconds=30, idle_seconds=30)
    content = b"".join(events)
    pieces = [content[at : at + size] for at in range(0, len(content), size)]
    upstream.script = chunked(*pieces, kind="application/x-ndjson" if api == "Ollama" else "text/event-stream")
    async with client.post("/", json={"stream": True}) as answer:
        assert await answer.read() == content
    report = await address.report()
    assert (report.usage.prompt, report.usage.completion) == (7, 9)


async def test_pings_are_not_held_back_for_long(
    start: Start, upstream: FaultyUpstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream_answer, "HELD_SECONDS", 0.2)
    _, client = await start({"first": upstream})
    upstream.script = PINGS
    async with asyncio.timeout(DEADLINE), client.post("/", json={"stream": True}) as answer:
        assert answer.status == 200
        content = await answer.read()
    assert content.startswith(b": ping\n\n" * 6 + b"data: ")


async def test_not_much_is_held_back(start: Start, upstream: FaultyUpstream) -> None:
    _, client = await start({"first": upstream})
    upstream.script = [*chunked(*[COMMENT] * 300, end=False), Then.SILENCE]
    answer, content = await ask(client, True)
    assert (answer.status, content.startswith(COMMENT * 300)) == (200, True)


class Loud:
    """Shouts, and refuses to shout what says no."""

    content_type = "text/event-stream"

    def feed(self, piece: bytes) -> bytes:
        if b"no" in piece:
            raise ValueError
        return piece.replace(b"good", b"GOOD")

    def end(self) -> bytes:
        return b": end\n\n"


async def test_an_answer_is_translated_on_its_way(start: Start, upstream: FaultyUpstream) -> None:
    _, client = await start({"first": upstream}, translation=Loud)
    answer, content = await ask(client, True)
    assert content == b"".join(STREAM).replace(b"good", b"GOOD") + b": end\n\n"
    answer, content = await ask(client, False)
    assert (answer.headers["content-type"], b"GOOD day" in content) == ("text/event-stream", True)
    upstream.scripts.extend([chunked(*HELLO, chunk("no"), DONE), chunked(chunk("no"), DONE)])
    answer, content = await ask(client, True)
    assert (b"cannot be translated" in content, b"[DONE]" in content) == (True, False)
    upstream.script = chunked(chunk("no"), DONE)
    answer, content = await ask(client, True)
    assert answer.status == 502


async def test_nobody_waits_for_a_stream_to_be_read_as_a_whole(start: Start, upstream: FaultyUpstream) -> None:
    _, client = await start({"first": upstream}, idle_seconds=30)
    upstream.script = [*chunked(*HELLO, end=False), Then.SILENCE]
    async with client.post("/", json={"stream": True}) as answer:
        assert await answer.content.readexactly(len(b"".join(HELLO))) == b"".join(HELLO)


async def test_every_cut_of_a_stream_reaches_the_client_as_it_is(start: Start, upstream: FaultyUpstream) -> None:
    address, client = await start({"first": upstream}, first_byte_seconds=30, idle_seconds=30)
    usage = chunk(choices=[], usage={"prompt_tokens": 7, "completion_tokens": 9})
    content = b"".join([b": ping\r\n\r\n", *HELLO, *(chunk(f"grün {at}") for at in range(12)), *FINISHED, usage, DONE])
    assert len(content) > 2000
    for at in range(1, len(content)):
        upstream.scripts.append([*chunked(content[:at], content[at:]), Then.KEEP])
        async with client.post("/", json={"stream": True}) as answer:
            assert await answer.read() == content, at
    assert {(report.outcome, report.usage.prompt, report.usage.completion) for report in address.reports} == {
        ("answered", 7, 9)
    }
