"""Reading pauses when an answer arrives faster than it is relayed, and resumes."""

import asyncio
import gzip

import aiohttp
import pytest

from edge_router.controller.upstream.connector import Handler, UpstreamConnector
from tests.faults.upstream import FaultyUpstream, Script, chunk, chunked, reply

WORDS = chunk("and on ") * 20_000
"""Many times the size of aiohttp's buffer."""
ANSWERS: dict[str, Script] = {
    "a length": [reply(WORDS)],
    "large chunks": chunked(WORDS),
    "a word a chunk": chunked(*[chunk("and on ")] * 20_000),
    "gzip": [reply(gzip.compress(WORDS), "200 OK", "content-encoding: gzip")],
}


@pytest.mark.parametrize("script", ANSWERS.values(), ids=list(ANSWERS))
async def test_an_answer_that_is_read_slowly_comes_whole(upstream: FaultyUpstream, script: Script) -> None:
    upstream.scripts.append(script)
    pieces: list[bytes] = []
    async with (
        asyncio.timeout(30),
        aiohttp.ClientSession(connector=UpstreamConnector()) as session,
        session.post(f"http://127.0.0.1:{upstream.port}/", data=b"{}") as answer,
    ):
        assert answer.connection is not None
        assert isinstance(answer.connection.protocol, Handler)
        await asyncio.sleep(0.3)
        while piece := await answer.content.readany():
            pieces.append(piece)
            await asyncio.sleep(0.01)
    assert len(pieces) > 2
    assert b"".join(pieces) == WORDS
