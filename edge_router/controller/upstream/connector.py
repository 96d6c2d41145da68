"""Connections to upstreams: aiohttp's, without one part of its work for each chunk of a stream."""

from functools import partial
from typing import Any

from aiohttp import TCPConnector
from aiohttp.client_proto import ResponseHandler


class UpstreamConnector(TCPConnector):
    """Opens any number of connections: the concurrency limiter of each upstream decides how many requests it gets."""

    def __init__(self, **given: Any) -> None:
        super().__init__(limit=0, **given)
        self._factory = partial(Handler, loop=self._loop)  # type: ignore[assignment]


class Handler(ResponseHandler):
    """Since 3.14 aiohttp resumes reading after each chunk, also when it never paused: it calls parser and transport for
    nothing, once for each word of an answer."""

    def resume_reading(self, resume_parser: bool = True) -> None:
        if getattr(self, "_reading_paused", True):  # a version without this attribute decides by itself
            super().resume_reading(resume_parser)
