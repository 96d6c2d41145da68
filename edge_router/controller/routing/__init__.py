"""Routing: from a request and its classification to the upstreams that may answer it. No I/O but the classifier's."""

from edge_router.controller.routing.context import RequestContext
from edge_router.controller.routing.errors import (
    LocalOnlyError,
    NotAllowedError,
    PolicyNotFoundError,
    UnsupportedOperationError,
)
from edge_router.controller.routing.evaluation import RoutingStep
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
