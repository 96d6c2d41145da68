"""One address of a router-server: whether it can be asked, and how much it is asked."""

import asyncio
import contextlib
import math
import random

import structlog

from edge_router.controller.classifier.decision import Decisions
from edge_router.controller.classifier.remote import Labels, RemoteClassifier
from edge_router.errors import RequestError, RouterError
from edge_router.v2.client import Client

PROBE_TEXT = "ready?"
READY_SECONDS = 0.4
"""How often it is asked whether it is ready, and what that may take: together under a second."""
LABELS_SECONDS = 30.0
"""How often it is asked for its labels while all is well: it may serve another network by now."""
SPACING_SECONDS = 0.5
"""Between two decisions for a check, where those for prompts fail or are slow and those for checks are not."""
CHECK_SECONDS = 0.5
"""What a decision may take in a check, if the budget of a request is less."""
JITTER = (0.8, 1.2)

log = structlog.get_logger()


class Replica:
    def __init__(self, name: str, client: Client, budget_seconds: float, changed: asyncio.Event) -> None:
        """`changed` is set when it is there, or there again."""
        self.name = name
        self.labels: Labels | None = None
        """As it gave them when it was checked last; None while it is left out."""
        self.problem = "has not answered yet"
        self.running = 0
        self.failures = 0
        """Decisions that were asked of it in vain."""
        self.last_chosen = 0
        """When it was chosen last, counted in choices."""
        self.suspect = False
        """It kept somebody waiting, and has passed no check since."""
        self._client = client
        self._classifier = RemoteClassifier(client)
        self._check_seconds = max(CHECK_SECONDS, budget_seconds)
        self._changed = changed
        self._check_due = asyncio.Event()
        """Something speaks against it: a check is due."""
        self._checked = self._labelled = self._answered = -math.inf

    @property
    def up(self) -> bool:
        return self.labels is not None

    async def classify(self, text: str, labels: Labels) -> Decisions:
        """Raises what `Classifier.classify` raises; but for a RequestError it is then left out until a check passes.
        Cancelling this says that it is slow."""
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
        """Keeps `labels` true until cancelled; then its client is closed."""
        clock = asyncio.get_running_loop().time
        try:
            while True:
                if self.up and not self.suspect and clock() < self._labelled + LABELS_SECONDS:
                    await self._check_ready()
                else:
                    await asyncio.sleep(self._checked + SPACING_SECONDS - clock())
                    self._checked = clock()
                    await self._check_inference()
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(READY_SECONDS * random.uniform(*JITTER)):
                        await self._check_due.wait()
        finally:
            await self._client.close()

    async def _check_ready(self) -> None:
        """Cheap, and believed only where it says no: a server may say that it is ready and be unable to answer."""
        began = asyncio.get_running_loop().time()
        try:
            async with asyncio.timeout(READY_SECONDS):
                await self._client.ready()
        except Exception as error:
            if self._answered < began:  # else it is busy, not gone
                self._eject(error)

    async def _check_inference(self) -> None:
        """A decision like that for a prompt; before it the labels, where they may be others."""
        self._check_due.clear()
        labels, now = self.labels, asyncio.get_running_loop().time()
        try:
            if labels is None or now >= self._labelled + LABELS_SECONDS:
                async with asyncio.timeout(2 * self._check_seconds):
                    labels = await self._classifier.labels()
                self._labelled = now
            async with asyncio.timeout(self._check_seconds):
                await self._classifier.classify(PROBE_TEXT, labels)
        except Exception as error:  # whatever it answers: the next check is due all the same
            self._eject(error)
            self._check_due.clear()  # it was checked just now
        else:
            self._restore(labels)

    def _eject(self, error: Exception) -> None:
        problem = _problem(error)
        if self.up or problem != self.problem:
            log.warning("router-server left out", replica=self.name, problem=problem)
        self.labels = None
        self.problem = problem
        self._check_due.set()

    def _restore(self, labels: Labels) -> None:
        if not self.up:
            log.info("router-server there", replica=self.name)
        self.labels = labels
        self.suspect = False
        self._changed.set()


def _problem(error: Exception) -> str:
    if isinstance(error, TimeoutError):
        return "does not answer in time"
    return str(error) if isinstance(error, RouterError) else type(error).__name__
