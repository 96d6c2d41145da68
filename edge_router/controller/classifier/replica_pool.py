"""Several router-servers as one classifier: the least busy replica classifies, ejected replicas are skipped."""

import asyncio
import random
import socket
from collections.abc import Awaitable, Callable, Iterator, Sequence
from itertools import count
from typing import Literal, TypeAlias

import aiohttp
import structlog
from yarl import URL

from edge_router.controller.classifier.classification import Labels
from edge_router.controller.classifier.decision import Decisions
from edge_router.controller.classifier.replica import JITTER, Replica
from edge_router.errors import RequestError, RouterError, UnavailableError
from edge_router.v2.client import Client, InferenceClient

RESOLVE_SECONDS = 3.0
CONNECT_SECONDS = 1.0
KEEPALIVE_SECONDS = 4.0
"""Shorter than the light server keeps an idle connection."""

Resolve: TypeAlias = Callable[[str, int], Awaitable[Sequence[str]]]
"""(host, port) -> its IP addresses. Raises OSError."""
MakeClient: TypeAlias = Callable[[str, aiohttp.ClientSession, str], Client]
"""(URL, session, IP address) -> the client of one replica."""

log = structlog.get_logger()


async def resolve_addresses(host: str, port: int) -> Sequence[str]:
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(address[0]) for *_, address in found]


class ReplicaPool:
    """A `Classifier` over every address of every URL. Works while `watch` runs."""

    def __init__(
        self,
        urls: Sequence[str],
        protocol: Literal["http", "grpc"],
        budget_seconds: float,
        resolve: Resolve = resolve_addresses,
    ) -> None:
        self.changed = asyncio.Event()
        """Set whenever a replica's check succeeds."""
        self._urls = [url.rstrip("/") for url in urls]
        self._client: MakeClient = _grpc() if protocol == "grpc" else InferenceClient
        self._budget = budget_seconds
        self._resolve = resolve
        self._replicas: dict[tuple[str, str], Replica] = {}
        self._problems = {url: f"{url} is not resolved yet" for url in self._urls}
        self._labels: Labels | None = None
        self._selections = count(1)

    @property
    def replicas(self) -> Sequence[Replica]:
        return list(self._replicas.values())

    async def labels(self) -> Labels:
        """The labels in use. They stay while any replica has them; replicas with other labels wait until then.

        Raises UnavailableError with each replica's problem when none is up.
        """
        known = [replica.labels for replica in self._replicas.values() if replica.labels is not None]
        if not known:
            raise UnavailableError("; ".join(self._all_problems()))
        if self._labels not in known:
            self._labels = known[0]
        assert self._labels is not None
        return self._labels

    async def classify(self, text: str, labels: Labels) -> Decisions:
        """Asks a replica that has these labels, and once another one when it fails.

        Raises UnavailableError at once when no replica is up.
        """
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
        connector = aiohttp.TCPConnector(limit=0, keepalive_timeout=KEEPALIVE_SECONDS)
        cookies = aiohttp.DummyCookieJar()
        try:
            async with (
                aiohttp.ClientSession(connector=connector, timeout=timeout, cookie_jar=cookies) as session,
                asyncio.TaskGroup() as tasks,
            ):
                for url in self._urls:
                    tasks.create_task(self._follow_addresses(url, session, tasks))
        finally:
            self._replicas.clear()

    def _least_busy(self, labels: Labels) -> Replica | None:
        """The replica with the fewest running classifications; among equals the least recently chosen one."""
        usable = [replica for replica in self._replicas.values() if replica.labels == labels]
        if not usable:
            return None
        replica = min(usable, key=lambda each: (each.suspect, each.running, each.last_chosen))
        replica.last_chosen = next(self._selections)
        return replica

    async def _follow_addresses(self, url: str, session: aiohttp.ClientSession, tasks: asyncio.TaskGroup) -> None:
        """Adds and removes replicas as the name's addresses change. A failed look-up changes nothing."""
        parsed = URL(url)
        watching: dict[str, asyncio.Task[None]] = {}
        while True:
            try:
                addresses = dict.fromkeys(await self._resolve(parsed.raw_host or "", parsed.port or 0))
            except (OSError, UnicodeError) as error:  # UnicodeError: not a valid host name
                self._report(url, f"{url} cannot be resolved: {type(error).__name__}")
            else:
                self._problems.pop(url, None)
                for ip in [ip for ip in watching if ip not in addresses]:
                    del self._replicas[url, ip]
                    watching.pop(ip).cancel()
                for ip in [ip for ip in addresses if ip not in watching]:
                    replica = Replica(f"{url} at {ip}", self._client(url, session, ip), self._budget, self.changed)
                    self._replicas[url, ip] = replica
                    watching[ip] = tasks.create_task(replica.watch())
            await asyncio.sleep(RESOLVE_SECONDS * random.uniform(*JITTER))

    def _report(self, url: str, problem: str) -> None:
        """Logs each new problem once, not at each look-up."""
        if self._problems.get(url) != problem:
            log.warning("router-server not resolved", problem=problem)
        self._problems[url] = problem

    def _all_problems(self) -> Iterator[str]:
        yield from self._problems.values()
        yield from (f"{replica.name}: {replica.problem}" for replica in self._replicas.values())


def _grpc() -> MakeClient:
    from edge_router.v2.grpc import GrpcClient  # imported here: gRPC's core takes 20 MB

    return lambda url, session, ip: GrpcClient(url, ip)
