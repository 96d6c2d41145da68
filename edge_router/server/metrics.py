"""The statistics in Prometheus' text form, under Triton's names."""

from collections.abc import Callable, Iterable

from edge_router.asgi.response import SimpleResponse
from edge_router.asgi.types import Application, Receive, Scope, Send
from edge_router.pipeline import Served
from edge_router.server.catalog import Catalog
from edge_router.server.scheduler import Scheduler
from edge_router.server.statistics import Statistics, Tally

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

METRICS: dict[str, tuple[str, Callable[[Tally], int]]] = {
    "nv_inference_request_success": ("Requests answered", lambda tally: tally.success.count),
    "nv_inference_request_failure": ("Requests refused by a model", lambda tally: tally.fail.count),
    "nv_inference_count": ("Rows inferred", lambda tally: tally.inferences),
    "nv_inference_exec_count": ("Runs of a model, of however many rows", lambda tally: tally.executions),
    "nv_inference_request_duration_us": (
        "Microseconds of answered requests, in the queue and in the model",
        lambda tally: (tally.queue.ns + tally.success.ns) // 1000,
    ),
    "nv_inference_queue_duration_us": ("Microseconds in the queue", lambda tally: tally.queue.ns // 1000),
    "nv_inference_compute_infer_duration_us": ("Microseconds in the model", lambda tally: tally.compute.ns // 1000),
}


def exposition(served: Iterable[Served], statistics: Statistics, pending: int) -> bytes:
    """`pending`: requests in the queue or under way, of all models."""
    found = [(each, statistics.of(each.model, each.version)) for each in served]
    lines: list[str] = []
    for name, (meaning, value) in METRICS.items():
        lines += [f"# HELP {name} {meaning}", f"# TYPE {name} counter"]
        lines += [f'{name}{{model="{each.model}",version="{each.version}"}} {value(tally)}' for each, tally in found]
    lines += [
        "# HELP nv_inference_pending_request_count Requests in the queue or under way",
        "# TYPE nv_inference_pending_request_count gauge",
        f"nv_inference_pending_request_count {pending}",
    ]
    return "\n".join([*lines, ""]).encode()


def app(catalog: Catalog, statistics: Statistics, scheduler: Scheduler) -> Application:
    """`/metrics`, on a port of its own as Triton has it."""

    async def metrics(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        if scope["path"] != "/metrics":
            answer = SimpleResponse(404, b"the metrics are at /metrics\n")
        else:
            text = exposition(catalog.served, statistics, scheduler.pending)
            answer = SimpleResponse(200, text, {"content-type": CONTENT_TYPE})
        await answer.send(send)

    return metrics
