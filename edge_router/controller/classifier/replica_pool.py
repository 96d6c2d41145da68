"""Several router-servers as one classifier: the least busy one is asked, and one that fails is left out until it is
well again."""

import asyncio
import random
import socket
from collections.abc import Awaitable, Callable, Iterator, Sequence
from itertools import count
from typing import Literal, TypeAlias

import aiohttp
import structlog
from yarl import URL

from edge_router.controller.classifier.decision import Decisions
from edge_router.controller.classifier.remote import Labels
from edge_router.controller.classifier.replica import JITTER, Replica
from edge_router.errors import RequestError, RouterError, UnavailableError
from edge_router.v2.client import Client, InferenceClient

RESOLVE_SECONDS = 3.0
CONNECT_SECONDS = 1.0
IDLE_SECONDS = 4.0
"""An idle connection is kept for: less than the light server keeps it."""

Resolve: TypeAlias = Callable[[str, int], Awaitable[Sequence[str]]]
"""(host, port) -> its IP addresses. Raises OSError."""
MakeClient: TypeAlias = Callable[[str, aiohttp.ClientSession, str], Client]
"""(url, session, IP address)."""

log = structlog.get_logger()


async def addresses(host: str, port: int) -> Sequence[str]:
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(address[0]) for *_, address in found]


class ReplicaPool:
    """A `Classifier` over every address of every url, as long as `watch` runs."""

    def __init__(
        self,
        urls: Sequence[str],
        protocol: Literal["http", "grpc"],
        budget_seconds: float,
        resolve: Resolve = addresses,
    ) -> None:
        self.changed = asyncio.Event()
        """Set when a member is there, or there again."""
        self._urls = [url.rstrip("/") for url in urls]
        self._client: MakeClient = _grpc() if protocol == "grpc" else InferenceClient
        self._budget = budget_seconds
        self._resolve = resolve
        self._replicas: dict[tuple[str, str], Replica] = {}
        self._problems = {url: f"{url} has not been looked up yet" for url in self._urls}
        self._labels: Labels | None = None
        self._choices = count(1)

    @property
    def replicas(self) -> Sequence[Replica]:
        return list(self._replicas.values())

    async def labels(self) -> Labels:
        """As long as any member has them, the same; the others wait until it has gone."""
        found = [replica.labels for replica in self._replicas.values() if replica.labels is not None]
        if not found:
            raise UnavailableError("; ".join(self._all_problems()))
        if self._labels not in found:
            self._labels = found[0]
        assert self._labels is not None
        return self._labels

    async def classify(self, text: str, labels: Labels) -> Decisions:
        """Asks a member that has these labels, and another one where the first fails. Raises UnavailableError at once
        where none is up."""
        replica = self._least_busy(labels)
        if replica is None:
            raise UnavailableError("no router-server is up")
        try:
            return await replica.classify(text, labels)
        except RequestError:
            raise
        except RouterError:
            other = self._least_busy(labels)
            if other is None:
                raise
            return await other.classify(text, labels)

    async def watch(self) -> None:
        """Follows the addresses and their health until cancelled."""
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_SECONDS)
        connector = aiohttp.TCPConnector(limit=0, keepalive_timeout=IDLE_SECONDS)
        cookies = aiohttp.DummyCookieJar()
        try:
            async with (
                aiohttp.ClientSession(connector=connector, timeout=timeout, cookie_jar=cookies) as session,
                asyncio.TaskGroup() as tasks,
            ):
                for url in self._urls:
                    tasks.create_task(self._resolve_replicas(url, session, tasks))
        finally:
            self._replicas.clear()

    def _least_busy(self, labels: Labels) -> Replica | None:
        """The least busy member; among equals, the one that has not been asked for longest."""
        fit = [replica for replica in self._replicas.values() if replica.labels == labels]
        if not fit:
            return None
        replica = min(fit, key=lambda each: (each.suspect, each.running, each.last_chosen))
        replica.last_chosen = next(self._choices)
        return replica

    async def _resolve_replicas(self, url: str, session: aiohttp.ClientSession, tasks: asyncio.TaskGroup) -> None:
        """A name's members come and go with its addresses. While it cannot be looked up they stay."""
        named = URL(url)
        watching: dict[str, asyncio.Task[None]] = {}
        while True:
            try:
                found = dict.fromkeys(await self._resolve(named.raw_host or "", named.port or 0))
            except (OSError, UnicodeError) as error:  # the latter for a name that can be none
                self._report(url, f"{url} cannot be looked up: {type(error).__name__}")
            else:
                self._problems.pop(url, None)
                for ip in [ip for ip in watching if ip not in found]:
                    del self._replicas[url, ip]
                    watching.pop(ip).cancel()
                for ip in [ip for ip in found if ip not in watching]:
                    replica = Replica(f"{url} at {ip}", self._client(url, session, ip), self._budget, self.changed)
                    self._replicas[url, ip] = replica
                    watching[ip] = tasks.create_task(replica.watch())
            await asyncio.sleep(RESOLVE_SECONDS * random.uniform(*JITTER))

    def _report(self, url: str, problem: str) -> None:
        """Once for each new problem, not once a look-up."""
        if self._problems.get(url) != problem:
            log.warning("router-server not found", problem=problem)
        self._problems[url] = problem

    def _all_problems(self) -> Iterator[str]:
        yield from self._problems.values()
        yield from (f"{replica.name}: {replica.problem}" for replica in self._replicas.values())


def _grpc() -> MakeClient:
    from edge_router.v2.grpc import GrpcClient  # gRPC's core takes 20 MB

    return lambda url, session, ip: GrpcClient(url, ip)
