"""What is told of one request once it is over: a line of the log, the metrics, a span. Nothing that it said."""

import asyncio
import os
from dataclasses import fields
from typing import TYPE_CHECKING

import structlog

from edge_router.controller.record import RequestRecord
from edge_router.controller.telemetry.metrics import Classifiers, Metrics, States
from edge_router.errors import ConfigError

if TYPE_CHECKING:
    from edge_router.controller.telemetry.traces import Traces

TRACES_VARIABLE = "OTEL_EXPORTER_OTLP_ENDPOINT"
FLUSH_SECONDS = 3
"""The last spans have that long to leave once the process is told to stop."""

UNTOLD = ("received", "traceparent", "span")
"""A clock's reading, a client's words, and what the trace tells."""
TOLD = [field.name for field in fields(RequestRecord) if field.name not in UNTOLD]

log = structlog.get_logger()


class Telemetry:
    def __init__(self, upstreams: States, chain: Classifiers = lambda: None) -> None:
        """Traces are sent where OTEL_EXPORTER_OTLP_ENDPOINT is set. Raises ConfigError when their extra is missing."""
        self.metrics = Metrics(upstreams, chain)
        self._traces = _traces()

    def begin(self, record: RequestRecord) -> None:
        """From here on the record's `traceparent` is what an upstream is to be sent: the client's, or that of our span
        below it."""
        if self._traces is not None:
            self._traces.begin(record)

    def report(self, record: RequestRecord) -> None:
        self.metrics.observe(record)
        if self._traces is not None:
            self._traces.end(record)
        log.info("request", **_told(record))

    async def close(self) -> None:
        if self._traces is not None:
            await asyncio.wait([asyncio.ensure_future(asyncio.to_thread(self._traces.close))], timeout=FLUSH_SECONDS)


def _told(record: RequestRecord) -> dict[str, object]:
    """What is known, seconds to a microsecond."""
    known = ((name, getattr(record, name)) for name in TOLD)
    return {name: round(value, 6) if type(value) is float else value for name, value in known if value is not None}


def _traces() -> "Traces | None":
    if not os.environ.get(TRACES_VARIABLE):
        return None
    try:
        from edge_router.controller.telemetry.traces import Traces
    except ImportError as error:
        raise ConfigError(
            f"{TRACES_VARIABLE}: {error.name} is missing: pip install 'edge-llm-router[traces]'"
        ) from error
    return Traces()
