"""Detects the end of a stream: an upstream that closes the connection before it has not finished."""

import re

BYTES = 16 * 1024
"""The part of a stream that is kept: token counts are near its end."""
BATCH_BYTES = 4 * BYTES
"""Size that is searched at once: a search of each chunk would cost more than relaying it."""
MARKERS = (
    b"[DONE]", b"message_stop", b"response.completed", b"response.incomplete", b"response.failed",
    b'"done"', b'"error"',
)  # fmt: skip
"""Words around which the pattern is tried: a search for a pattern takes a hundred times as long as for a word."""
_END = re.compile(
    rb'(?:^|[\r\n])data: ?\[DONE\]|"type"\s*:\s*"(?:message_stop|error|response\.(?:completed|incomplete|failed))"'
    rb'|"done"\s*:\s*true|(?:^|[\r\n])(?:data: ?)?\{\s*"error"\s*:\s*[{"]'
)
"""The stream is complete after this, even when the rest of a long event is still to come. Quotes and line ends are
escaped inside a text, so the text of an answer never matches."""
CONTEXT_BYTES = 64
"""Bytes before and after a marker that the pattern needs."""
_FINISHED = re.compile(rb'"(?:finish_reason|stop_reason)"\s*:\s*"')
"""The answer is complete after this; token counts may be missing."""


class StreamEndDetector:
    """Keeps the last bytes of a stream."""

    def __init__(self) -> None:
        self._ended = False
        self._chunks: list[bytes] = []
        self._size = 0

    def add(self, chunk: bytes) -> None:
        self._chunks.append(chunk)
        self._size += len(chunk)
        if self._size > BATCH_BYTES:
            self._ended = self.ended
            self._chunks = [self.content]
            self._size = BYTES

    @property
    def ended(self) -> bool:
        """True once the upstream has sent the stream's end."""
        kept = b"".join(self._chunks)
        return self._ended or any(_has_end(kept, marker) for marker in MARKERS)

    @property
    def content(self) -> bytes:
        """The last BYTES of the stream."""
        return b"".join(self._chunks)[-BYTES:]

    @property
    def complete(self) -> bool:
        """True once the whole answer has come, with or without the stream's end."""
        return self.ended or _FINISHED.search(self.content) is not None


def _has_end(kept: bytes, marker: bytes) -> bool:
    """Searches backwards: the end is mostly there."""
    at = kept.rfind(marker)
    while at >= 0:
        if _END.search(kept, max(at - CONTEXT_BYTES, 0), at + len(marker) + CONTEXT_BYTES):
            return True
        at = kept.rfind(marker, 0, at)
    return False
