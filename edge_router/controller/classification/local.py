"""The classifier in this process."""

import asyncio
from concurrent.futures import ThreadPoolExecutor

from edge_router.contract import POLICIES, PROMPT_ROUTER_ENSEMBLE, ensemble
from edge_router.controller.classification.classifier import Labels, prompt
from edge_router.controller.classification.decision import Decisions, decisions
from edge_router.pipeline import Pipeline


class LocalClassifier:
    """One thread of its own: the network uses every core already, a second run would only slow the first."""

    def __init__(self, pipeline: Pipeline) -> None:
        """`pipeline` with `prompt_router_ensemble` loaded."""
        self._pipeline = pipeline
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="classifier")

    async def labels(self) -> Labels:
        return {policy: self._pipeline.labels(ensemble(policy)) for policy in POLICIES}

    async def classify(self, text: str, labels: Labels) -> Decisions:
        request = prompt(text)
        running = asyncio.get_running_loop()
        outputs = await running.run_in_executor(self._thread, self._pipeline.infer, PROMPT_ROUTER_ENSEMBLE, request)
        return decisions(outputs, labels)
