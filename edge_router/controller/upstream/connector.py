"""aiohttp's TCP connector with a cheaper `resume_reading`, which aiohttp calls for each chunk of a stream."""

from functools import partial
from typing import Any

from aiohttp import TCPConnector
from aiohttp.client_proto import ResponseHandler


class UpstreamConnector(TCPConnector):
    """Opens any number of connections, because each upstream has a concurrency limit of its own."""

    def __init__(self, **given: Any) -> None:
        super().__init__(limit=0, **given)
        self._factory = partial(Handler, loop=self._loop)  # type: ignore[assignment]


class Handler(ResponseHandler):
    """Resumes reading only if it was paused. Since 3.14 aiohttp resumes after each chunk, and so calls parser and
    transport needlessly for each token of an answer."""

    def resume_reading(self, resume_parser: bool = True) -> None:
        if getattr(self, "_reading_paused", True):  # versions without this attribute check it themselves
            super().resume_reading(resume_parser)
