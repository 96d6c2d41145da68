"""Log lines, Prometheus metrics and OpenTelemetry traces of the requests."""

from edge_router.controller.telemetry.record import RequestRecord
from edge_router.controller.telemetry.telemetry import Telemetry

__all__ = ["RequestRecord", "Telemetry"]
