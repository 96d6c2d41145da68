"""Runs one inference request of either protocol, HTTP or gRPC."""

from collections.abc import Mapping, Sequence
from typing import Final

from edge_router.errors import RequestError
from edge_router.pipeline import ServedModel
from edge_router.server.classification import top_classes
from edge_router.server.scheduler import Scheduler
from edge_router.tensors import Array, Tensors
from edge_router.v2.request import InferRequest, RequestedOutput
from edge_router.v2.response import InferResponse

ENSEMBLE_PARAMETERS: Final[Mapping[str, bool | int]] = {
    "sequence_id": 0,
    "sequence_start": False,
    "sequence_end": False,
}
"""Parameters of every ensemble's response, as in Triton's; clients of the old contract read them."""


class Inference:
    """Checks a request's outputs, runs it by the scheduler and builds its response."""

    def __init__(self, scheduler: Scheduler, answer_seconds: float) -> None:
        """`answer_seconds`: deadline of a request, unless its own timeout is shorter."""
        self._scheduler = scheduler
        self._answer_seconds = answer_seconds

    async def infer(self, served: ServedModel, request: InferRequest) -> InferResponse:
        """The response of one request. Raises RequestError, and what `Scheduler.run` raises."""
        requested = request.outputs or [RequestedOutput(name, 0, request.binary) for name in served.signature.outputs]
        _check(served, requested)
        seconds = min(request.timeout or self._answer_seconds, self._answer_seconds)
        outputs = await self._scheduler.run(served, request.inputs, seconds)
        return InferResponse(
            served.model,
            served.version,
            {output.name: _output(served, output, outputs) for output in requested},
            request.id,
            ENSEMBLE_PARAMETERS if served.config.HasField("ensemble_scheduling") else {},
            frozenset(output.name for output in requested if output.binary),
        )


def _check(served: ServedModel, requested: Sequence[RequestedOutput]) -> None:
    if any(output.classes < 0 for output in requested):
        raise RequestError(f"{served.model}: classification is below 0; ask for 1 class or more")
    if unknown := sorted({output.name for output in requested} - set(served.signature.outputs)):
        known = ", ".join(served.signature.outputs)
        raise RequestError(f"{served.model}: unknown output {', '.join(unknown)}; its outputs are {known}")


def _output(served: ServedModel, output: RequestedOutput, outputs: Tensors) -> Array:
    tensor = outputs[output.name]
    if not output.classes:
        return tensor
    labels = served.labels.get(output.name, ())
    return top_classes(output.name, tensor, output.classes, labels, batched=served.signature.max_batch_size > 0)
