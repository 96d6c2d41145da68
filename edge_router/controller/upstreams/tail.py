"""The last bytes of a stream: how it ended, and what it cost."""

import re
from collections import deque

BYTES = 16 * 1024
"""A stream's last words fit into that."""
_LAST = re.compile(
    rb'data: ?\[DONE\]|"type"\s*:\s*"(?:message_stop|error|response\.(?:completed|incomplete|failed))"'
    rb'|"done"\s*:\s*true|(?:^|[\r\n])(?:data: ?)?\{\s*"error"\s*:\s*[{"]'
)
"""After this nothing is missing."""
_FINISHED = re.compile(rb'"(?:finish_reason|stop_reason)"\s*:\s*"')
"""After this the answer is complete, and perhaps a count of tokens is missing."""


class Tail:
    def __init__(self) -> None:
        self._pieces: deque[bytes] = deque()
        self._size = 0

    def add(self, piece: bytes) -> None:
        self._pieces.append(piece)
        self._size += len(piece)
        while self._size - len(self._pieces[0]) >= BYTES:
            self._size -= len(self._pieces.popleft())

    @property
    def content(self) -> bytes:
        return b"".join(self._pieces)[-BYTES:]

    @property
    def closed(self) -> bool:
        """Whether the upstream said that this was all."""
        return _LAST.search(self.content) is not None

    @property
    def finished(self) -> bool:
        return self.closed or _FINISHED.search(self.content) is not None
