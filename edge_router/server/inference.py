"""One inference, whichever protocol asked for it."""

from collections.abc import Mapping, Sequence
from typing import Final

from edge_router.errors import RequestError
from edge_router.pipeline import Served
from edge_router.server.classification import classes
from edge_router.server.scheduler import Scheduler
from edge_router.tensors import Array, Tensors
from edge_router.v2.reply import InferReply
from edge_router.v2.request import InferRequest, RequestedOutput

ENSEMBLE_PARAMETERS: Final[Mapping[str, bool | int]] = {
    "sequence_id": 0,
    "sequence_start": False,
    "sequence_end": False,
}
"""Triton's ensembles say this in every reply, and clients have come to see it there."""


class Inference:
    def __init__(self, scheduler: Scheduler, answer_seconds: float) -> None:
        """`answer_seconds`: what a request without a shorter timeout of its own may take."""
        self._scheduler = scheduler
        self._answer_seconds = answer_seconds

    async def infer(self, served: Served, request: InferRequest) -> InferReply:
        """Raises RequestError, and what the scheduler raises."""
        asked = request.outputs or [RequestedOutput(name, 0, request.binary) for name in served.signature.outputs]
        _check(served, asked)
        seconds = min(request.timeout or self._answer_seconds, self._answer_seconds)
        found = await self._scheduler.run(served, request.inputs, seconds)
        return InferReply(
            served.model,
            served.version,
            {output.name: _output(served, output, found) for output in asked},
            request.id,
            ENSEMBLE_PARAMETERS if served.config.HasField("ensemble_scheduling") else {},
            frozenset(output.name for output in asked if output.binary),
        )


def _check(served: Served, asked: Sequence[RequestedOutput]) -> None:
    if any(output.classes < 0 for output in asked):
        raise RequestError(f"{served.model}: classification is below 0; ask for 1 class or more")
    if unknown := sorted({output.name for output in asked} - set(served.signature.outputs)):
        raise RequestError(
            f"{served.model}: unknown output {', '.join(unknown)}; it gives {', '.join(served.signature.outputs)}"
        )


def _output(served: Served, output: RequestedOutput, found: Tensors) -> Array:
    tensor = found[output.name]
    if not output.classes:
        return tensor
    labels = served.labels.get(output.name, ())
    return classes(output.name, tensor, output.classes, labels, batched=served.signature.max_batch_size > 0)
