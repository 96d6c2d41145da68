"""Health probes of an upstream: rare while it is up, frequent while it is down."""

import asyncio
import contextlib
import random

import aiohttp

from edge_router.controller.api import Operation
from edge_router.controller.upstream.endpoint import UpstreamEndpoint

UP_SECONDS = 20.0
DOWN_SECONDS = 1.5
JITTER = 0.25
"""Share by which each pause varies, so that many controllers do not probe at once."""


async def watch(session: aiohttp.ClientSession, endpoint: UpstreamEndpoint) -> None:
    """Probes until cancelled."""
    while True:
        endpoint.probe_due.clear()
        endpoint.report_health(problem := await probe(session, endpoint))
        pause = (UP_SECONDS if problem is None else DOWN_SECONDS) * random.uniform(1 - JITTER, 1 + JITTER)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(pause):
                # While the upstream is down, a request that cannot reach it brings no news.
                await (endpoint.probe_due.wait() if problem is None else asyncio.Event().wait())


async def probe(session: aiohttp.ClientSession, endpoint: UpstreamEndpoint) -> str | None:
    """Returns the problem; None if the upstream is up. Any status below 500 counts as up, 401 and 404 included."""
    try:
        async with session.get(
            endpoint.probe_url,
            headers=endpoint.headers[Operation.CHAT],
            timeout=endpoint.probe_timeout,
            allow_redirects=False,
        ) as response:
            return f"answers {response.status}" if response.status >= 500 else None
    except TimeoutError:
        return "does not answer in time"
    except (aiohttp.ClientError, OSError, ValueError) as error:
        return f"cannot be reached: {type(error).__name__}"
