"""Connections to upstreams: aiohttp's, without a part of its work that no stream needs."""

from functools import partial
from typing import Any

from aiohttp import TCPConnector
from aiohttp.client_proto import ResponseHandler


class UpstreamConnector(TCPConnector):
    """Opens as many connections as are asked for: what an upstream is sent at once is its gate's to say."""

    def __init__(self, **given: Any) -> None:
        super().__init__(limit=0, **given)
        self._factory = partial(Handler, loop=self._loop)  # type: ignore[assignment]


class Handler(ResponseHandler):
    """Since 3.14 aiohttp goes on reading after each chunk it hands out, also where it never stopped: it calls parser
    and transport for nothing, for each word of an answer."""

    def resume_reading(self, resume_parser: bool = True) -> None:
        if getattr(self, "_reading_paused", True):  # a version that does not know the name is left to itself
            super().resume_reading(resume_parser)
