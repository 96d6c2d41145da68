"""The light server's parts, put together and run until it is told to stop."""

import asyncio
import resource
from functools import partial
from pathlib import Path
from typing import NoReturn

import structlog

from edge_router.asgi.process import check_port_free, run, serve_http, stop_signal
from edge_router.repository import Repository
from edge_router.server import metrics
from edge_router.server.catalog import Catalog
from edge_router.server.grpc import Service, serve_grpc
from edge_router.server.inference import Inference
from edge_router.server.rest import Rest
from edge_router.server.scheduler import Scheduler
from edge_router.server.settings import Settings
from edge_router.server.statistics import Statistics

log = structlog.get_logger()


def serve(repository: Path, settings: Settings) -> NoReturn:
    """Serves until SIGINT or SIGTERM and ends the process.

    Raises RepositoryError when a model cannot be served, ConfigError when a port is taken.
    """
    if settings.memory_mb:
        # Of memory that is this process's alone; mapped weights are the kernel's to give back.
        resource.setrlimit(resource.RLIMIT_DATA, (settings.memory_mb * 2**20, settings.memory_mb * 2**20))
    for port in filter(None, (settings.http_port, settings.grpc_port, settings.metrics_port)):
        check_port_free(settings.host, port)
    statistics = Statistics()
    explicit = settings.model_control == "explicit"
    catalog = Catalog(lambda: Repository(repository, settings.overrides), statistics, explicit=explicit)
    run(lambda: _serve(catalog, statistics, settings))


async def _serve(catalog: Catalog, statistics: Statistics, settings: Settings) -> None:
    scheduler = Scheduler(statistics, settings.queue_requests)
    inference = Inference(scheduler, settings.answer_seconds)
    rest = Rest(catalog, inference, statistics, settings)
    log.info("serving", models=len({served.model for served in catalog.served}), http_port=settings.http_port)
    stopped = stop_signal()
    listen = partial(serve_http, stopped=stopped, receive_seconds=settings.receive_seconds)
    async with asyncio.TaskGroup() as running:
        running.create_task(listen(rest, settings.host, settings.http_port))
        if settings.grpc_port:
            running.create_task(serve_grpc(Service(catalog, inference, statistics), settings, stopped))
        if settings.metrics_port:
            exposed = metrics.app(catalog, statistics, scheduler)
            running.create_task(listen(exposed, settings.host, settings.metrics_port))
