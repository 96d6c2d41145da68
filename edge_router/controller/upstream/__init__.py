"""Upstreams: their state, the requests sent to them, and their answers, relayed to the client."""

from edge_router.controller.upstream.breaker import BreakerState
from edge_router.controller.upstream.connector import UpstreamConnector
from edge_router.controller.upstream.endpoint import UpstreamState
from edge_router.controller.upstream.errors import AllUpstreamsFailedError, UpstreamError
from edge_router.controller.upstream.pool import UpstreamPool
from edge_router.controller.upstream.report import ForwardingReport, Outcome

__all__ = [
    "AllUpstreamsFailedError",
    "BreakerState",
    "ForwardingReport",
    "Outcome",
    "UpstreamConnector",
    "UpstreamError",
    "UpstreamPool",
    "UpstreamState",
]
