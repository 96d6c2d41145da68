"""Incremental parsers of server-sent events and JSON lines. A piece may begin and end at any byte."""

import re
from collections.abc import Iterator

EVENT_STREAM = "text/event-stream"
JSON_LINES = "application/x-ndjson"
_LINE_END = re.compile(rb"\r\n|\n|\r")
_BOM = b"\xef\xbb\xbf"


class LineParser:
    """Splits bytes into lines, ended by LF, CRLF or CR."""

    def __init__(self) -> None:
        self._rest = b""
        self._after_cr = False

    def feed(self, piece: bytes) -> Iterator[bytes]:
        """Yields the lines that `piece` completes, without their ends. The iterator must be exhausted before the next
        `feed`."""
        if self._after_cr and piece:
            piece = piece.removeprefix(b"\n")  # the second half of a CRLF that was cut in two
        self._after_cr = piece.endswith(b"\r")
        buffer, at = self._rest + piece, 0
        for end in _LINE_END.finditer(buffer):
            yield buffer[at : end.start()]
            at = end.end()
        self._rest = buffer[at:]


class JsonLinesParser:
    """Messages of `application/x-ndjson`: the lines that are not blank."""

    def __init__(self) -> None:
        self._lines = LineParser()

    def feed(self, piece: bytes) -> Iterator[bytes]:
        return (line for line in self._lines.feed(piece) if line.strip())


class EventStreamParser:
    """Messages of `text/event-stream`: the `data` of each event. Comments and other fields are ignored
    (https://html.spec.whatwg.org/multipage/server-sent-events.html)."""

    def __init__(self) -> None:
        self._lines = LineParser()
        self._data: list[bytes] = []
        self._first = True

    def feed(self, piece: bytes) -> Iterator[bytes]:
        for line in self._lines.feed(piece):
            if self._first:
                line = line.removeprefix(_BOM)
                self._first = False
            name, _, value = line.partition(b":")
            if name == b"data":
                self._data.append(value.removeprefix(b" "))
            elif not line and self._data:
                yield b"\n".join(self._data)
                self._data.clear()
