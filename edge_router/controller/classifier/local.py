"""The pipeline in this process as a classifier."""

import asyncio
import time
from concurrent.futures import Future, ThreadPoolExecutor

import structlog

from edge_router.contract import PROMPT_ROUTER_ENSEMBLE
from edge_router.controller.classifier.classification import InProcessClassifier, Labels
from edge_router.controller.classifier.decision import Decisions
from edge_router.controller.classifier.ensemble import ensemble_decisions, ensemble_request
from edge_router.errors import RouterError
from edge_router.pipeline import Pipeline
from edge_router.tensors import Tensors
from edge_router.v2.client import ResponseError

DECAY = 0.9
"""Share of the slowest run's duration that remains after each faster run."""

log = structlog.get_logger()


class LocalClassifier(InProcessClassifier):
    """Runs the pipeline on one thread of its own: the network uses every core, so a second run would slow the first."""

    def __init__(self, pipeline: Pipeline) -> None:
        """`pipeline` has `prompt_router_ensemble` loaded."""
        self._pipeline = pipeline
        self._labels = pipeline.policy_labels()
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="classifier")
        self.seconds = 0.0

    async def labels(self) -> Labels:
        return self._labels

    async def classify(self, text: str, labels: Labels) -> Decisions:
        return await asyncio.wrap_future(self.submit(text, labels))

    def submit(self, text: str, labels: Labels) -> "Future[Decisions]":
        return self._thread.submit(self._run, ensemble_request(text), labels)

    def _run(self, request: Tensors, labels: Labels) -> Decisions:
        started = time.perf_counter()
        try:
            return ensemble_decisions(self._pipeline.infer(PROMPT_ROUTER_ENSEMBLE, request), labels)
        except RouterError:
            raise
        except Exception as error:  # an engine may raise anything, and no request may fail for it
            log.error("classification failed", error=type(error).__name__)
            raise ResponseError(f"{PROMPT_ROUTER_ENSEMBLE}: the network in this process failed") from error
        finally:
            self.seconds = max(time.perf_counter() - started, self.seconds * DECAY)
