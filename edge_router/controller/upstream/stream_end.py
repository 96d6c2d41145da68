"""The last bytes of a stream, and whether its upstream has said that there is no more."""

import re

BYTES = 16 * 1024
"""A stream's count of tokens is among its last words."""
HELD_BYTES = 4 * BYTES
"""That much is looked at at once: a look at each piece would cost more than relaying it."""
WORDS = (
    b"[DONE]", b"message_stop", b"response.completed", b"response.incomplete", b"response.failed",
    b'"done"', b'"error"',
)  # fmt: skip
"""Around one of these it pays to look closer: a pattern takes a hundred times as long as a word."""
_LAST = re.compile(
    rb'(?:^|[\r\n])data: ?\[DONE\]|"type"\s*:\s*"(?:message_stop|error|response\.(?:completed|incomplete|failed))"'
    rb'|"done"\s*:\s*true|(?:^|[\r\n])(?:data: ?)?\{\s*"error"\s*:\s*[{"]'
)
"""After this nothing is missing, however much of it is still to come: it may stand at the beginning of a long event.
Quotes and ends of lines are escaped in a text, so no text of an answer looks like this."""
AROUND = 64
"""Bytes before and after a word that belong to it."""
_FINISHED = re.compile(rb'"(?:finish_reason|stop_reason)"\s*:\s*"')
"""After this the answer is complete, and perhaps a count of tokens is missing."""


class StreamEndDetector:
    def __init__(self) -> None:
        self._closed = False
        self._pieces: list[bytes] = []
        self._size = 0

    def add(self, piece: bytes) -> None:
        self._pieces.append(piece)
        self._size += len(piece)
        if self._size > HELD_BYTES:
            self._closed = self.closed
            self._pieces = [self.content]
            self._size = BYTES

    @property
    def closed(self) -> bool:
        """Whether the upstream said that this was all."""
        held = b"".join(self._pieces)
        return self._closed or any(_closes(held, word) for word in WORDS)

    @property
    def content(self) -> bytes:
        return b"".join(self._pieces)[-BYTES:]

    @property
    def finished(self) -> bool:
        return self.closed or _FINISHED.search(self.content) is not None


def _closes(held: bytes, word: bytes) -> bool:
    """Looks from the end, where it mostly is."""
    at = held.rfind(word)
    while at >= 0:
        if _LAST.search(held, max(at - AROUND, 0), at + len(word) + AROUND):
            return True
        at = held.rfind(word, 0, at)
    return False
