"""Runs a repository's models and ensembles in this process, without Triton."""

from edge_router.pipeline.pipeline import Pipeline, ServedModel
from edge_router.pipeline.smoke_test import ensembles, smoke_test

__all__ = ["Pipeline", "ServedModel", "ensembles", "smoke_test"]
