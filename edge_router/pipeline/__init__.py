"""Runs a repository's models and ensembles in this process, without Triton."""

from edge_router.pipeline.pipeline import Pipeline

__all__ = ["Pipeline"]
