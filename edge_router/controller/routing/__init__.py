"""Routing: selects the upstreams that may answer a request. The classifier does the only I/O."""

from edge_router.controller.routing.errors import (
    LocalOnlyError,
    NotAllowedError,
    PolicyNotFoundError,
    UnsupportedOperationError,
)
from edge_router.controller.routing.evaluation import RequestContext, RoutingStep
from edge_router.controller.routing.plan import STRATEGY_PINNED, Plan, header_value
from edge_router.controller.routing.router import Router

__all__ = [
    "STRATEGY_PINNED",
    "LocalOnlyError",
    "NotAllowedError",
    "Plan",
    "PolicyNotFoundError",
    "RequestContext",
    "Router",
    "RoutingStep",
    "UnsupportedOperationError",
    "header_value",
]
