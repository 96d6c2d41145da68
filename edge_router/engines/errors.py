"""Errors of the engines."""

from edge_router.errors import RouterError


class EngineError(RouterError):
    """The network refused its input: an id is outside the vocabulary, or there are more tokens than positions."""
