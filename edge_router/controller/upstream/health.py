"""Health probes of an upstream: rare while it is up, frequent while it is down, so that it is back soon."""

import asyncio
import contextlib
import random

import aiohttp

from edge_router.controller.api import Operation
from edge_router.controller.upstream.client import UpstreamClient

UP_SECONDS = 20.0
DOWN_SECONDS = 1.5
JITTER = 0.25
"""Share by which each pause varies, so that many controllers do not probe at once."""


async def watch(session: aiohttp.ClientSession, client: UpstreamClient) -> None:
    """Probes until cancelled."""
    while True:
        client.probe_due.clear()
        client.report_health(problem := await probe(session, client))
        pause = (UP_SECONDS if problem is None else DOWN_SECONDS) * random.uniform(1 - JITTER, 1 + JITTER)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(pause):
                # While the upstream is down, a request that cannot reach it brings no news.
                await (client.probe_due.wait() if problem is None else asyncio.Event().wait())


async def probe(session: aiohttp.ClientSession, client: UpstreamClient) -> str | None:
    """The problem; None when the upstream is up. Any answer below 500 counts as up, 404 and 401 included."""
    try:
        async with session.get(
            client.probe_url,
            headers=client.headers[Operation.CHAT],
            timeout=client.probe_timeout,
            allow_redirects=False,
        ) as response:
            return f"answers {response.status}" if response.status >= 500 else None
    except TimeoutError:
        return "does not answer in time"
    except (aiohttp.ClientError, OSError, ValueError) as error:
        return f"cannot be reached: {type(error).__name__}"
