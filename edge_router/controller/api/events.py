"""A stream's messages, however it is cut into pieces: of server-sent events, or of JSON lines."""

import re
from collections.abc import Iterator

_LINE_END = re.compile(rb"\r\n|\n|\r")
_BOM = b"\xef\xbb\xbf"


class Lines:
    """Complete lines, ended by LF, CRLF or CR."""

    def __init__(self) -> None:
        self._rest = b""
        self._after_cr = False

    def feed(self, piece: bytes) -> Iterator[bytes]:
        """The lines that are complete now, without their ends: to be read to the last, unless no more is fed."""
        if self._after_cr and piece:
            piece = piece.removeprefix(b"\n")  # the other half of a CRLF that was cut in two
        self._after_cr = piece.endswith(b"\r")
        seen, at = self._rest + piece, 0
        for end in _LINE_END.finditer(seen):
            yield seen[at : end.start()]
            at = end.end()
        self._rest = seen[at:]


class JsonLines:
    """Messages of `application/x-ndjson`."""

    def __init__(self) -> None:
        self._lines = Lines()

    def feed(self, piece: bytes) -> Iterator[bytes]:
        return (line for line in self._lines.feed(piece) if line.strip())


class Events:
    """Messages of `text/event-stream`: the data of each event; comments and the other fields are left out
    (https://html.spec.whatwg.org/multipage/server-sent-events.html)."""

    def __init__(self) -> None:
        self._lines = Lines()
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
