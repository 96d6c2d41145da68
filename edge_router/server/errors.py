"""Errors of the light server besides a wrong request."""

from edge_router.errors import RouterError, UnavailableError


class QueueFullError(UnavailableError):
    """The queue is full."""


class DeadlineExceededError(UnavailableError):
    """The request's deadline passed before the model answered."""


class ModelFailedError(RouterError):
    """A model raised an unexpected exception. The log names its type; the client is told nothing else."""


class ModelControlError(RouterError):
    """The server's model control mode does not allow loading and unloading."""

    status = 503  # as Triton answers
