"""Builds the light server and runs it until a signal stops it."""

import asyncio
import resource
from functools import partial
from pathlib import Path
from typing import NoReturn

import structlog

from edge_router.asgi.process import check_port_free, run, serve_http, stop_signal
from edge_router.repository import Repository
from edge_router.server import metrics
from edge_router.server.grpc import GrpcService, serve_grpc
from edge_router.server.inference import Inference
from edge_router.server.registry import ModelRegistry
from edge_router.server.rest import RestApi
from edge_router.server.scheduler import Scheduler
from edge_router.server.settings import ServerSettings
from edge_router.server.statistics import Statistics

log = structlog.get_logger()


def serve(repository: Path, settings: ServerSettings) -> NoReturn:
    """Serves until SIGINT or SIGTERM and ends the process.

    Raises RepositoryError when a model cannot be served, ConfigError when a port is taken.
    """
    if settings.memory_mb:
        # RLIMIT_DATA counts private memory only; the kernel can drop the pages of mapped weights.
        resource.setrlimit(resource.RLIMIT_DATA, (settings.memory_mb * 2**20, settings.memory_mb * 2**20))
    for port in filter(None, (settings.http_port, settings.grpc_port, settings.metrics_port)):
        check_port_free(settings.host, port)
    statistics = Statistics()
    explicit = settings.model_control == "explicit"
    registry = ModelRegistry(lambda: Repository(repository, settings.overrides), statistics, explicit=explicit)
    run(lambda: _serve(registry, statistics, settings))


async def _serve(registry: ModelRegistry, statistics: Statistics, settings: ServerSettings) -> None:
    scheduler = Scheduler(statistics, settings.queue_requests)
    inference = Inference(scheduler, settings.answer_seconds)
    rest = RestApi(registry, inference, statistics, settings)
    log.info("serving", models=len({served.model for served in registry.served}), http_port=settings.http_port)
    stopped = stop_signal()
    listen = partial(serve_http, stopped=stopped, receive_seconds=settings.receive_seconds)
    async with asyncio.TaskGroup() as running:
        running.create_task(listen(rest, settings.host, settings.http_port))
        if settings.grpc_port:
            running.create_task(serve_grpc(GrpcService(registry, inference, statistics), settings, stopped))
        if settings.metrics_port:
            metrics_app = metrics.app(registry, statistics, scheduler)
            running.create_task(listen(metrics_app, settings.host, settings.metrics_port))
