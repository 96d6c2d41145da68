"""Whether an upstream is there, asked from time to time: often while it is not, so that it is back soon."""

import asyncio
import contextlib
import random

import aiohttp

from edge_router.controller.api import Operation
from edge_router.controller.upstream.client import UpstreamClient

UP_SECONDS = 20.0
DOWN_SECONDS = 1.5
JITTER = 0.25
"""Share by which a pause is longer or shorter: many controllers must not ask at once."""


async def watch(session: aiohttp.ClientSession, client: UpstreamClient) -> None:
    """Runs until it is cancelled."""
    while True:
        client.suspected.clear()
        client.seen(problem := await probe(session, client))
        pause = (UP_SECONDS if problem is None else DOWN_SECONDS) * random.uniform(1 - JITTER, 1 + JITTER)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(pause):
                # While it is down, whoever finds it down says nothing new.
                await (client.suspected.wait() if problem is None else asyncio.Event().wait())


async def probe(session: aiohttp.ClientSession, client: UpstreamClient) -> str | None:
    """Why it cannot be asked. Whatever it answers, 404 and 401 among it, it is there, unless it says that it is not."""
    try:
        async with session.get(
            client.probe, headers=client.headers[Operation.CHAT], timeout=client.probe_timeout, allow_redirects=False
        ) as reply:
            return f"answers {reply.status}" if reply.status >= 500 else None
    except TimeoutError:
        return "does not answer in time"
    except (aiohttp.ClientError, OSError, ValueError) as error:
        return f"cannot be reached: {type(error).__name__}"
