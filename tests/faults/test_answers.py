"""Unusual but valid answers: they reach the client as they are."""

import asyncio
import email.utils
import gzip
import io
import time
import zlib
from typing import Any

import msgspec
import pytest

from tests.faults.conftest import Start
from tests.faults.test_before_the_first_byte import ask, is_error, is_good
from tests.faults.upstream import COMPLETION, DONE, STREAM, FaultyUpstream, Script, Then, chunk, chunked, reply

WRONG = b'{"error": {"message": "temperature is too high", "type": "invalid_request_error"}}'


@pytest.mark.parametrize("status", [400, 404, 409, 413, 422, 451])
@pytest.mark.parametrize("stream", [False, True])
async def test_a_refusal_reaches_the_client_as_it_is(
    start: Start, upstream: FaultyUpstream, other: FaultyUpstream, status: int, stream: bool
) -> None:
    address, client = await start({"first": upstream, "second": other})
    upstream.script = [reply(WRONG, f"{status} Wrong"), Then.KEEP]
    answer, content = await ask(client, stream)
    assert (answer.status, content) == (status, WRONG)
    assert (len(upstream.requests), len(other.requests)) == (1, 0)
    assert (await address.report()).outcome == "answered"


async def test_a_refusal_that_is_not_json_gets_the_error_format_of_the_api(
    start: Start, upstream: FaultyUpstream
) -> None:
    _, client = await start({"first": upstream})
    upstream.script = [reply(b"<html>no such page</html>", "404 Not Found", kind="text/html")]
    answer, content = await ask(client)
    assert (answer.status, is_error(answer, content)) == (404, True)


@pytest.mark.parametrize(
    "refusal",
    [
        b'{"error": {"message": "This model\'s maximum is 8192", "code": "context_length_exceeded"}}',
        b'{"error": {"message": "the request exceeds it", "type": "exceed_context_size_error"}}',
        b'{"type": "error", "error": {"message": "prompt is too long: 210000 tokens > 200000 maximum"}}',
    ],
)
async def test_a_prompt_too_long_for_one_goes_to_the_next(
    start: Start, upstream: FaultyUpstream, other: FaultyUpstream, refusal: bytes
) -> None:
    _, client = await start({"first": upstream, "second": other})
    upstream.script = [reply(refusal, "400 Bad Request")]
    answer, content = await ask(client)
    assert (answer.status, is_good(content, False)) == (200, True)
    other.script = [Then.RESET]
    answer, content = await ask(client)
    assert (answer.status, content) == (400, refusal)


@pytest.mark.parametrize(
    "script",
    [
        [b"HTTP/1.0 200 OK\r\ncontent-type: application/json\r\n\r\n" + COMPLETION],
        [reply(gzip.compress(COMPLETION), "200 OK", "content-encoding: gzip")],
        [reply(zlib.compress(COMPLETION), "200 OK", "content-encoding: deflate")],
        [reply(COMPLETION, kind="text/plain")],
        chunked(*(bytes([byte]) for byte in COMPLETION), kind="application/json"),
        [b"HTTP/1.1 103 Early Hints\r\n\r\n", reply(COMPLETION)],
    ],
    ids=["HTTP/1.0", "gzip", "deflate", "wrong content-type", "a byte a chunk", "early hints"],
)
async def test_a_whole_answer(start: Start, upstream: FaultyUpstream, script: Script) -> None:
    address, client = await start({"first": upstream})
    upstream.script = script
    answer, content = await ask(client)
    assert (answer.status, content) == (200, COMPLETION)
    assert answer.headers["content-length"] == str(len(COMPLETION))
    assert "content-encoding" not in answer.headers
    report = await address.report()
    assert (report.usage.prompt, report.usage.completion, report.attempts) == (3, 2, 1)


async def test_an_answer_of_100_mb(start: Start, upstream: FaultyUpstream) -> None:
    _, client = await start({"first": upstream}, first_byte_seconds=30, idle_seconds=30)
    body = msgspec.json.encode({"data": "x" * 100_000_000})
    upstream.script = [reply(body)]
    async with client.post("/", json={}) as answer:
        assert await answer.read() == body


async def test_an_answer_of_100_mb_that_is_cut_short_is_incomplete(start: Start, upstream: FaultyUpstream) -> None:
    address, client = await start({"first": upstream}, first_byte_seconds=30, idle_seconds=30)
    upstream.script = [reply(b"x" * 10_000_000, length=100_000_000)]
    async with client.post("/", json={}) as answer:
        with pytest.raises(Exception, match="not completed"):
            await answer.read()
    assert (await address.report()).outcome == "stream_interrupted"


async def test_a_client_that_asked_for_a_stream_gets_the_whole_and_the_reverse(
    start: Start, upstream: FaultyUpstream
) -> None:
    _, client = await start({"first": upstream})
    upstream.scripts.extend([[reply(COMPLETION), Then.KEEP], chunked(*STREAM)])
    assert is_good((await ask(client, True))[1], False)
    assert is_good((await ask(client, False))[1], True)


async def test_a_kept_connection_that_is_closed_at_its_next_use_costs_no_attempt(
    start: Start, upstream: FaultyUpstream
) -> None:
    address, client = await start({"first": upstream}, retries=0)
    upstream.scripts.extend([[0.2, reply(COMPLETION), Then.KEEP]] * 2)
    await asyncio.gather(ask(client), ask(client))
    upstream.scripts.append([])
    answer, content = await ask(client)
    assert (answer.status, is_good(content, False)) == (200, True)
    assert [request.connection for request in upstream.requests][3:] == [3]  # a new one, not the other kept one
    assert [report.attempts for report in address.reports] == [1, 1, 1]


async def test_a_redirect_is_not_followed(start: Start, upstream: FaultyUpstream) -> None:
    _, client = await start({"first": upstream})
    upstream.scripts.append([reply(b"", "307 Temporary Redirect", "location: /v1/chat/completions"), Then.KEEP])
    answer, content = await ask(client)
    assert (answer.status, is_error(answer, content), len(upstream.requests)) == (502, True, 1)


async def test_each_of_several_upstreams_gets_one_attempt(
    start: Start, upstream: FaultyUpstream, other: FaultyUpstream
) -> None:
    _, client = await start({"first": upstream, "second": other}, retries=2)
    upstream.script = other.script = [reply(b"", "500 Broken"), Then.KEEP]
    answer, content = await ask(client)
    assert (answer.status, is_error(answer, content)) == (502, True)
    assert (len(upstream.requests), len(other.requests)) == (1, 1)


@pytest.mark.parametrize(
    ("retry_after", "seconds"),
    [
        ("20", 20),
        (lambda: email.utils.formatdate(time.time() + 60, usegmt=True), range(50, 61)),
        ("soon", 5),
        ("9" * 400, 3600),
        ("-1", 5),
        ("0.5", 5),
    ],
)
async def test_retry_after_is_relayed(start: Start, upstream: FaultyUpstream, retry_after: Any, seconds: Any) -> None:
    """The client, not the router, makes a pause that is longer than the router's longest."""
    _, client = await start({"first": upstream})
    upstream.script = [
        reply(b"", "503 Busy", f"retry-after: {retry_after() if callable(retry_after) else retry_after}")
    ]
    answer, _ = await ask(client)
    relayed = int(answer.headers["retry-after"])
    assert relayed in seconds if isinstance(seconds, range) else relayed == seconds


async def test_a_model_that_is_still_loading_is_waited_for(start: Start, upstream: FaultyUpstream) -> None:
    address, client = await start({"first": upstream}, retries=2)
    loading = reply(b'{"error": {"message": "Loading model", "code": 503}}', "503 Service Unavailable")
    upstream.scripts.extend([[loading, Then.KEEP], [loading, Then.KEEP]])
    answer, content = await ask(client)
    assert (answer.status, is_good(content, False), len(upstream.requests)) == (200, True, 3)
    assert answer.headers["x-edge-router-attempts"] == "3"
    assert "x-edge-router-fallback" not in answer.headers
    assert (await address.report()).attempts == 3


async def test_retries_have_a_budget(start: Start, upstream: FaultyUpstream) -> None:
    _, client = await start({"first": upstream}, retries=2, retry_budget=0)
    upstream.script = [reply(b"", "500 Broken"), Then.KEEP]
    for _ in range(20):
        await ask(client)
    assert 30 <= len(upstream.requests) <= 36  # ten saved up, and one a second


async def test_headers_about_the_upstream_itself_are_not_relayed(start: Start, upstream: FaultyUpstream) -> None:
    _, client = await start({"first": upstream})
    sent = ["x-kept: yes", "x-edge-router-upstream: forged", "x-request-id: forged", "set-cookie: a=b", "server: s"]
    sent += ["connection: x-of-the-hop", "x-of-the-hop: yes", "keep-alive: timeout=5"]
    upstream.script = [reply(COMPLETION, "200 OK", *sent)]
    answer, _ = await ask(client)
    expected = {"x-kept": "yes", "x-edge-router-upstream": "first", "x-request-id": "request-1"}
    headers = {name.lower(): value for name, value in answer.headers.items()}
    assert len(answer.headers) == len(headers)
    assert headers == expected | {"content-type": "application/json", "content-length": str(len(COMPLETION))} | {
        "date": headers["date"]
    }


async def test_an_upstream_gets_its_own_key_and_nothing_of_the_clients(
    start: Start, upstream: FaultyUpstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("THE_KEY", "sk-1")
    first = {"url": f"http://127.0.0.1:{upstream.port}/v1", "api_key": {"env": "THE_KEY"}}
    _, client = await start({"first": first})
    await client.post("/", json={}, headers={"authorization": "Bearer client", "cookie": "a=b", "x-forwarded-for": "1"})
    head = upstream.requests[0].head.lower()
    assert b"authorization: bearer sk-1\r\n" in head
    assert b"accept-encoding: identity\r\n" in head
    assert b"user-agent: edge-llm-router/" in head
    assert not any(word in head for word in (b"cookie", b"forwarded", b"bearer client"))


@pytest.mark.parametrize("large", [100, 3_000_000])
async def test_the_body_reaches_the_upstream_byte_for_byte(start: Start, upstream: FaultyUpstream, large: int) -> None:
    _, client = await start({"first": upstream}, first_byte_seconds=30)
    body = msgspec.json.encode({"text": "ü" * large})
    async with client.post("/", data=io.BytesIO(body)) as answer:
        assert answer.status == 200
    assert upstream.requests[0].body == body


async def test_a_finished_stream_without_done_is_whole(start: Start, upstream: FaultyUpstream) -> None:
    address, client = await start({"first": upstream})
    events = (chunk("good day"), chunk(finish="length"))
    upstream.script = chunked(*events)
    assert (await ask(client, True))[1] == b"".join(events)
    assert (await address.report()).outcome == "answered"
    assert DONE not in b"".join(events)
