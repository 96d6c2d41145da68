"""Errors of the conversion."""

from edge_router.errors import RouterError


class CheckpointError(RouterError):
    """The checkpoint cannot be converted. The message names the file and what to do."""
