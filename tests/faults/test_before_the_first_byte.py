"""Faults before an upstream has answered: the client gets another upstream's answer, or an error in time."""

import asyncio
import gzip
from typing import Any, NamedTuple

import aiohttp
import msgspec
import pytest

from tests.faults.conftest import DEADLINE, Start
from tests.faults.upstream import COMPLETION, DRIP, FLOOD, STREAM, FaultyUpstream, Script, Then, chunk, chunked, reply

HTML = b"<!doctype html><html><body>Bad Gateway</body></html>"


class Case(NamedTuple):
    name: str
    script: Script
    status: int = 502
    """The error for the client when no other upstream can answer."""


def refusing(status: int, *headers: str) -> Script:
    return (reply(b'{"error": {"message": "CANARY"}}', f"{status} Whatever", *headers), Then.KEEP)


CASES = [
    Case("silence after accepting", [Then.SILENCE], 504),
    Case("closed without an answer", []),
    Case("reset", [Then.RESET]),
    Case("header drip", DRIP, 504),
    Case("head cut short", [b"HTTP/1.1 200 OK\r\ncontent-type: appli"]),
    Case("not HTTP", [b"SSH-2.0-OpenSSH_9.9\r\n"]),
    Case("huge header", [b"HTTP/1.1 200 OK\r\nx-a: " + b"b" * 100_000 + b"\r\n\r\n"]),
    Case("thousands of headers", [b"HTTP/1.1 200 OK\r\n" + b"x-a: b\r\n" * 5000 + b"\r\n"]),
    Case("a flood of 1xx", FLOOD, 504),
    Case("redirect", [reply(b"", "307 Temporary Redirect", "location: http://127.0.0.1:1/v1/chat/completions")]),
    *(Case(f"{status}", refusing(status)) for status in (401, 403, 407, 500, 501, 502)),
    Case("408", refusing(408), 504),
    Case("429", refusing(429), 429),
    Case("503", refusing(503), 503),
    Case("504", refusing(504), 504),
    Case("529", refusing(529), 503),
    Case("an HTML page", [reply(HTML, kind="text/html")]),
    Case("an HTML page as JSON", [reply(HTML)]),
    Case("an HTML error", [reply(HTML, "502 Bad Gateway", kind="text/html")]),
    Case("an empty answer", [reply(b"")]),
    Case("204", [b"HTTP/1.1 204 No Content\r\n\r\n"]),
    Case("wrong JSON", [reply(b'{"choices": [')]),
    Case("a list", [reply(b"[]")]),
    Case("an error under 200", [reply(b'{"error": {"message": "CANARY", "code": 500}}')]),
    Case("bad UTF-8", [reply(b'{"id": "\xff"}')]),
    Case("bad gzip", [reply(b"\x1f\x8b\x08no gzip", "200 OK", "content-encoding: gzip")]),
    Case("gzip cut short", [reply(gzip.compress(COMPLETION)[:-12], "200 OK", "content-encoding: gzip")]),
    Case("an unknown encoding", [reply(COMPLETION, "200 OK", "content-encoding: zz")]),
    Case("a bad chunk", [chunked()[0], b"zz\r\n" + COMPLETION + b"\r\n"]),
    Case("a chunk cut short", [chunked(kind="application/json")[0], b"fff\r\n" + COMPLETION]),
    Case("a length that is too long", [reply(COMPLETION, length=len(COMPLETION) + 10)]),
    Case("a length that is too short", [reply(COMPLETION, length=len(COMPLETION) - 10)]),
    Case("a body that stalls", [reply(COMPLETION, length=len(COMPLETION) + 10), Then.SILENCE], 504),
    Case("a body that is reset", [reply(COMPLETION, length=len(COMPLETION) + 10), Then.RESET]),
    Case("HTTP/1.0, cut short", [b"HTTP/1.0 200 OK\r\ncontent-type: application/json\r\n\r\n" + COMPLETION[:-20]]),
    Case("a stream that ends at once", chunked()),
    Case("a stream that dies at once", chunked(end=False)),
    Case("a stream that dies before its first token", chunked(b": ping\n\n", chunk(), end=False)),
    Case("a stream that ends before its first token", chunked(chunk(), chunk(choices=[]))),
    Case("a stream that stalls before its first token", [*chunked(chunk(), end=False), Then.SILENCE], 504),
    Case("a stream that begins with an error", chunked(b'data: {"error": {"message": "CANARY"}}\n\n', *STREAM)),
    Case("a stream that begins with an error event", chunked(b'event: error\ndata: {"type": "error"}\n\n')),
    Case("a stream of HTML", chunked(HTML)),
    Case("a stream of something that is not JSON", chunked(b"data: {oops\n\n")),
    Case("a stream of bad gzip", [chunked()[0][:-2] + b"content-encoding: gzip\r\n\r\n3\r\nabc\r\n"]),
    Case("JSON lines that begin with an error", chunked(b'{"error": "CANARY"}\n', kind="application/x-ndjson")),
]
each_case = pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
whole_and_stream = pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])


async def ask(client: aiohttp.ClientSession, stream: bool = False) -> tuple[aiohttp.ClientResponse, bytes]:
    async with asyncio.timeout(DEADLINE), client.post("/", json={"stream": stream}) as answer:
        return answer, await answer.read()


def is_good(content: bytes, stream: bool) -> bool:
    return content == (b"".join(STREAM) if stream else COMPLETION)


def is_error(answer: aiohttp.ClientResponse, content: bytes) -> bool:
    error: Any = msgspec.json.decode(content)["error"]
    return (
        answer.headers["content-type"] == "application/json"
        and set(error) == {"message", "type", "param", "code"}
        and "'first'" in error["message"]
        and b"CANARY" not in content
    )


@each_case
@whole_and_stream
async def test_the_client_gets_an_error_and_the_next_its_answer(
    start: Start, upstream: FaultyUpstream, case: Case, stream: bool
) -> None:
    _, client = await start({"first": upstream})
    upstream.script = case.script
    answer, content = await ask(client, stream)
    assert (answer.status, is_error(answer, content)) == (case.status, True), content
    upstream.script = None
    answer, content = await ask(client, stream)
    assert (answer.status, is_good(content, stream)) == (200, True)


@each_case
@whole_and_stream
async def test_another_upstream_answers(
    start: Start, upstream: FaultyUpstream, other: FaultyUpstream, case: Case, stream: bool
) -> None:
    address, client = await start({"first": upstream, "second": other})
    upstream.script = case.script
    answer, content = await ask(client, stream)
    assert (answer.status, is_good(content, stream)) == (200, True)
    assert answer.headers["x-edge-router-attempts"] == "2"
    assert answer.headers["x-edge-router-fallback"].startswith("first ")
    report = await address.report()
    assert (report.upstream, report.outcome, report.attempts) == ("second", "answered", 2)
