"""Why a request is answered by none of the upstreams."""

from edge_router.errors import ForbiddenError, NotFoundError, RequestError


class NoModelError(NotFoundError):
    code = "model_not_found"


class NoPolicyError(NotFoundError):
    code = "policy_not_found"


class NotAllowedError(ForbiddenError):
    """The access key may not reach it."""

    code = "model_not_allowed"


class LocalOnlyError(ForbiddenError):
    """It must not leave the house, and nobody in it is asked."""

    code = "local_only"


class NotSpokenError(RequestError):
    """Whom it would go to does not have this endpoint."""

    code = "operation_not_supported"
