"""Runs a repository's models and ensembles in this process, without Triton."""

from edge_router.pipeline.pipeline import Pipeline, Served

__all__ = ["Pipeline", "Served"]
