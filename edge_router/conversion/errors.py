"""What this room raises."""

from edge_router.errors import RouterError


class CheckpointError(RouterError):
    """The checkpoint cannot be converted as it is; the message names the file and what to do."""
