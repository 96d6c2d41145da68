"""A stream yields the same messages wherever it is cut."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_router.controller.api import EventStreamParser, JsonLinesParser

STREAM = (
    "\ufeffdata: one\n\ndata:two\r\n\r\ndata: three\r\r: a comment\n\nevent: ping\nid: 1\nretry: 9\n\n"
    "data: four\r\ndata: four again\r\n\r\ndata\n\ndata: fünf: 🦢\n\n\n\ndata: [DONE]\n\ndata: cut o"
).encode()
MESSAGES = [b"one", b"two", b"three", b"four\nfour again", b"", "fünf: 🦢".encode(), b"[DONE]"]


def cut(content: bytes, at: list[int]) -> list[bytes]:
    marks = sorted({0, len(content), *(mark % len(content) for mark in at)})
    return [content[start:end] for start, end in pairwise(marks)]


@given(st.lists(st.integers(0, len(STREAM))))
def test_events(at: list[int]) -> None:
    events = EventStreamParser()
    assert [message for piece in cut(STREAM, at) for message in events.feed(piece)] == MESSAGES


@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
@given(at=st.lists(st.integers(0, 100)))
def test_json_lines(end: bytes, at: list[int]) -> None:
    content = end.join([b'{"a": 1}', b"", '{"b": "ü"}'.encode(), b"", b'{"c"'])
    lines = JsonLinesParser()
    found = [message for piece in cut(content, at) for message in lines.feed(piece)]
    assert found == [b'{"a": 1}', '{"b": "ü"}'.encode()]
