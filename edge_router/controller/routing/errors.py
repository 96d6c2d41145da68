"""Errors of routing: the request names or needs something that it cannot have."""

from edge_router.errors import ForbiddenError, NotFoundError, RequestError


class PolicyNotFoundError(NotFoundError):
    code = "policy_not_found"


class NotAllowedError(ForbiddenError):
    """The access key does not allow any of the upstreams."""

    code = "model_not_allowed"


class LocalOnlyError(ForbiddenError):
    """The request must stay local, and none of its upstreams is local."""

    code = "local_only"


class UnsupportedOperationError(RequestError):
    """None of the upstreams answers this operation."""

    code = "operation_not_supported"
