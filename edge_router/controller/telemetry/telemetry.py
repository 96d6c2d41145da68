"""Reports each finished request: log line, metrics, span. None of them has any text of the request."""

import asyncio
import os
from dataclasses import fields
from typing import TYPE_CHECKING

import structlog

from edge_router.controller.telemetry.metrics import CurrentChain, CurrentStates, Metrics
from edge_router.controller.telemetry.record import RequestRecord
from edge_router.errors import ConfigError

if TYPE_CHECKING:
    from edge_router.controller.telemetry.traces import Traces

TRACES_VARIABLE = "OTEL_EXPORTER_OTLP_ENDPOINT"
FLUSH_SECONDS = 3
"""Time for the last spans to be sent when the process stops."""
UNLOGGED = frozenset(("received", "traceparent", "span"))
LOGGED = [field.name for field in fields(RequestRecord) if field.name not in UNLOGGED]

log = structlog.get_logger()


class Telemetry:
    """Log, metrics and traces of the controller."""

    def __init__(self, states: CurrentStates, chain: CurrentChain = lambda: None) -> None:
        """Sends traces when OTEL_EXPORTER_OTLP_ENDPOINT is set. Raises ConfigError when their extra is missing."""
        self.metrics = Metrics(states, chain)
        self._traces = _traces()

    def begin(self, record: RequestRecord) -> None:
        """Starts a span; the record's `traceparent` is that of the span from then on."""
        if self._traces is not None:
            self._traces.begin(record)

    def report(self, record: RequestRecord) -> None:
        self.metrics.observe(record)
        if self._traces is not None:
            self._traces.end(record)
        log.info("request", **_known_fields(record))

    async def close(self) -> None:
        if self._traces is not None:
            await asyncio.wait([asyncio.ensure_future(asyncio.to_thread(self._traces.close))], timeout=FLUSH_SECONDS)


def _known_fields(record: RequestRecord) -> dict[str, object]:
    """Fields that are not None; seconds are rounded to a microsecond."""
    known = ((name, getattr(record, name)) for name in LOGGED)
    return {name: round(value, 6) if type(value) is float else value for name, value in known if value is not None}


def _traces() -> "Traces | None":
    if not os.environ.get(TRACES_VARIABLE):
        return None
    try:
        from edge_router.controller.telemetry.traces import Traces
    except ImportError as error:
        raise ConfigError(
            f"{TRACES_VARIABLE}: {error.name} is missing; install it with pip install 'edge-llm-router[traces]'"
        ) from error
    return Traces()
