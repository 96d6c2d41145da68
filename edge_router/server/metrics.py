"""The model statistics in Prometheus' text format, under Triton's metric names."""

from collections.abc import Callable, Iterable

from edge_router.asgi.response import SimpleResponse
from edge_router.asgi.types import Application, Receive, Scope, Send
from edge_router.pipeline import ServedModel
from edge_router.server.registry import ModelRegistry
from edge_router.server.scheduler import Scheduler
from edge_router.server.statistics import ModelStatistics, Statistics

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

METRICS: dict[str, tuple[str, Callable[[ModelStatistics], int]]] = {
    "nv_inference_request_success": ("Successful inference requests", lambda model: model.success.count),
    "nv_inference_request_failure": ("Inference requests that a model refused", lambda model: model.fail.count),
    "nv_inference_count": ("Inferences; a request of 4 rows counts 4", lambda model: model.inferences),
    "nv_inference_exec_count": ("Model executions; one executes a whole batch", lambda model: model.executions),
    "nv_inference_request_duration_us": (
        "Time of successful requests in the queue and in the model, in microseconds",
        lambda model: (model.queue.ns + model.success.ns) // 1000,
    ),
    "nv_inference_queue_duration_us": (
        "Time of requests in the queue, in microseconds",
        lambda model: model.queue.ns // 1000,
    ),
    "nv_inference_compute_infer_duration_us": (
        "Time of requests in the model, in microseconds",
        lambda model: model.compute.ns // 1000,
    ),
}


def exposition(served: Iterable[ServedModel], statistics: Statistics, pending: int) -> bytes:
    """The text of `/metrics`. `pending`: requests of all models in the queue or in flight."""
    models = [(each, statistics.of(each.model, each.version)) for each in served]
    lines: list[str] = []
    for name, (meaning, value) in METRICS.items():
        lines += [f"# HELP {name} {meaning}", f"# TYPE {name} counter"]
        lines += [f'{name}{{model="{each.model}",version="{each.version}"}} {value(model)}' for each, model in models]
    lines += [
        "# HELP nv_inference_pending_request_count Requests in the queue or in flight",
        "# TYPE nv_inference_pending_request_count gauge",
        f"nv_inference_pending_request_count {pending}",
    ]
    return "\n".join([*lines, ""]).encode()


def app(registry: ModelRegistry, statistics: Statistics, scheduler: Scheduler) -> Application:
    """The application that serves `/metrics`, on a port of its own as in Triton."""

    async def metrics(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        if scope["path"] != "/metrics":
            response = SimpleResponse(404, b"the metrics are at /metrics\n")
        else:
            text = exposition(registry.served, statistics, scheduler.pending)
            response = SimpleResponse(200, text, {"content-type": CONTENT_TYPE})
        await response.send(send)

    return metrics
