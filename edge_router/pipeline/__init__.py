"""Runs a repository's models and ensembles in this process, without Triton."""

from edge_router.pipeline.pipeline import Pipeline, ServedModel
from edge_router.pipeline.smoke_test import ENSEMBLES, smoke_test

__all__ = ["ENSEMBLES", "Pipeline", "ServedModel", "smoke_test"]
