"""A Triton model repository as files: configurations, versions, pins, overrides."""

from edge_router.repository.repository import LATEST, Repository

__all__ = ["LATEST", "Repository"]
