"""One address of a router-server: its health, its labels and its load."""

import asyncio
import contextlib
import math
import random

import structlog

from edge_router.controller.classifier.classification import Labels
from edge_router.controller.classifier.decision import Decisions
from edge_router.controller.classifier.remote import RemoteClassifier
from edge_router.errors import RequestError, RouterError
from edge_router.v2.client import Client

PROBE_TEXT = "ready?"
READY_SECONDS = 0.4
"""Interval of the readiness check and its time limit: together below one second."""
LABELS_SECONDS = 30.0
"""Interval at which a healthy replica's labels are read again: it may serve another network by now."""
CHECK_SPACING_SECONDS = 0.5
"""Least time between two test classifications, however often a check is requested."""
CHECK_SECONDS = 0.5
"""Time limit of a test classification, unless a request's budget is longer."""
JITTER = (0.8, 1.2)

log = structlog.get_logger()


class Replica:
    """Ejected when a classification or a check fails, restored when a test classification succeeds."""

    def __init__(self, name: str, client: Client, budget_seconds: float, changed: asyncio.Event) -> None:
        """`changed` is set whenever a check succeeds."""
        self.name = name
        self.labels: Labels | None = None
        """Labels of the last successful check; None while the replica is ejected."""
        self.problem = "has not answered yet"
        self.running = 0
        self.failures = 0
        """Failed classifications."""
        self.last_chosen = 0
        """The pool's selection counter at this replica's last selection."""
        self.suspect = False
        """A classification was too slow, and no check has succeeded since."""
        self._client = client
        self._classifier = RemoteClassifier(client)
        self._check_limit = max(CHECK_SECONDS, budget_seconds)
        self._changed = changed
        self._check_due = asyncio.Event()
        self._checked = self._labelled = self._answered = -math.inf

    @property
    def up(self) -> bool:
        return self.labels is not None

    async def classify(self, text: str, labels: Labels) -> Decisions:
        """Raises what `Classifier.classify` raises.

        Any error but RequestError ejects the replica until a check succeeds. Cancellation marks it as suspect.
        """
        self.running += 1
        try:
            decisions = await self._classifier.classify(text, labels)
        except RequestError:
            raise
        except RouterError as error:
            self.failures += 1
            self._eject(error)
            raise
        except asyncio.CancelledError:
            self.failures += 1
            self.suspect = True
            self._check_due.set()
            raise
        finally:
            self.running -= 1
        self._answered = asyncio.get_running_loop().time()
        return decisions

    async def watch(self) -> None:
        """Keeps `labels` up to date until cancelled, then closes the client."""
        clock = asyncio.get_running_loop().time
        try:
            while True:
                if self.up and not self.suspect and clock() < self._labelled + LABELS_SECONDS:
                    await self._check_ready()
                else:
                    await asyncio.sleep(self._checked + CHECK_SPACING_SECONDS - clock())
                    self._checked = clock()
                    await self._check_inference()
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(READY_SECONDS * random.uniform(*JITTER)):
                        await self._check_due.wait()
        finally:
            await self._client.close()

    async def _check_ready(self) -> None:
        """Asks the readiness endpoint. Only a failure counts: a ready server may still be unable to classify."""
        began = asyncio.get_running_loop().time()
        try:
            async with asyncio.timeout(READY_SECONDS):
                await self._client.ready()
        except Exception as error:
            if self._answered < began:  # a server that answered meanwhile is busy, not down
                self._eject(error)

    async def _check_inference(self) -> None:
        """Classifies a test prompt; reads the labels first when they may have changed."""
        self._check_due.clear()
        labels, now = self.labels, asyncio.get_running_loop().time()
        try:
            if labels is None or now >= self._labelled + LABELS_SECONDS:
                async with asyncio.timeout(2 * self._check_limit):
                    labels = await self._classifier.labels()
                self._labelled = now
            async with asyncio.timeout(self._check_limit):
                await self._classifier.classify(PROBE_TEXT, labels)
        except Exception as error:  # whatever the server answers, the next check must follow
            self._eject(error)
            self._check_due.clear()  # this was the check
        else:
            self._restore(labels)

    def _eject(self, error: Exception) -> None:
        problem = _problem(error)
        if self.up or problem != self.problem:
            log.warning("replica ejected", replica=self.name, problem=problem)
        self.labels = None
        self.problem = problem
        self._check_due.set()

    def _restore(self, labels: Labels) -> None:
        if not self.up:
            log.info("replica ready", replica=self.name)
        self.labels = labels
        self.suspect = False
        self._changed.set()


def _problem(error: Exception) -> str:
    if isinstance(error, TimeoutError):
        return "does not answer in time"
    return str(error) if isinstance(error, RouterError) else type(error).__name__
