"""What an engine raises."""

from edge_router.errors import RouterError


class EngineError(RouterError):
    """The network refused its input: an id outside the vocabulary, or more tokens than it has positions."""
