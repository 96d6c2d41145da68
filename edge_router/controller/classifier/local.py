"""The classifier in this process."""

import asyncio
import time
from concurrent.futures import Future, ThreadPoolExecutor

import structlog

from edge_router.contract import POLICIES, PROMPT_ROUTER_ENSEMBLE, ensemble
from edge_router.controller.classifier.decision import Decisions
from edge_router.controller.classifier.remote import InProcessClassifier, Labels, prompt, read
from edge_router.errors import RouterError
from edge_router.pipeline import Pipeline
from edge_router.tensors import Tensors
from edge_router.v2.client import ReplyError

FORGETTING = 0.9
"""Of the longest run's time, what is kept of it with each shorter one."""

log = structlog.get_logger()


class LocalClassifier(InProcessClassifier):
    """One thread of its own: the network uses every core already, a second run would only slow the first."""

    def __init__(self, pipeline: Pipeline) -> None:
        """`pipeline` with `prompt_router_ensemble` loaded."""
        self._pipeline = pipeline
        self._labels = {policy: pipeline.labels(ensemble(policy)) for policy in POLICIES}
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="classifier")
        self.seconds = 0.0
        """That a run takes, of the longer ones of late."""

    async def labels(self) -> Labels:
        return self._labels

    async def classify(self, text: str, labels: Labels) -> Decisions:
        return await asyncio.wrap_future(self.submit(text, labels))

    def submit(self, text: str, labels: Labels) -> "Future[Decisions]":
        """What `classify` returns, as a run in the thread's queue: it can be cancelled until it begins. Raises
        RequestError."""
        return self._thread.submit(self._run, prompt(text), labels)

    def _run(self, request: Tensors, labels: Labels) -> Decisions:
        started = time.perf_counter()
        try:
            return read(self._pipeline.infer(PROMPT_ROUTER_ENSEMBLE, request), labels)
        except RouterError:
            raise
        except Exception as error:  # whatever an engine raises: no request is let down for it
            log.error("classification failed", error=type(error).__name__)
            raise ReplyError(f"{PROMPT_ROUTER_ENSEMBLE}: the network in this process failed") from error
        finally:
            self.seconds = max(time.perf_counter() - started, self.seconds * FORGETTING)
