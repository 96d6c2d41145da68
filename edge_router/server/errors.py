"""What can go wrong here besides a wrong request."""

from edge_router.errors import RouterError, UnavailableError


class QueueFullError(UnavailableError):
    """More requests wait than may wait."""


class DeadlineError(UnavailableError):
    """The time of the request ran out before its answer was there."""


class ModelFailedError(RouterError):
    """A model raised what no request should be able to raise. The log has its kind; the client learns no more."""


class NotAllowedError(RouterError):
    """The server was started so that nobody may ask this of it."""

    status = 503  # as Triton says it
